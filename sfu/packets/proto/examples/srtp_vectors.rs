//! SRTP as a filter: one command a line on stdin, one hexadecimal answer a line on stdout.
//! Lets other implementations, in other languages, be compared with this one byte by byte.
//!
//! ```text
//! key gcm|cm <master key> <master salt>     both directions start anew; no answer
//! protect-rtp <roc> <header length> <packet>
//! unprotect-rtp <header length> <packet>
//! protect-rtcp <packet>
//! unprotect-rtcp <packet>
//! ```
//! A refused packet is answered with `! ` and the reason.

use std::error::Error;
use std::io::{BufRead, BufWriter, Write, stdin, stdout};

use sfu_proto::command::SrtpProfile;
use sfu_proto::srtp::{SrtpReceiver, SrtpSender};

struct Session {
    sender: SrtpSender,
    receiver: SrtpReceiver,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut out = BufWriter::new(stdout().lock());
    let mut session = None;
    for line in stdin().lock().lines() {
        let line = line?;
        let words: Vec<&str> = line.split_whitespace().collect();
        if let ["key", profile, key, salt] = words[..] {
            session = Some(Session::new(profile, &from_hex(key)?, &from_hex(salt)?)?);
            continue;
        }
        let session = session.as_mut().ok_or("no key yet")?;
        match session.obey(&words)? {
            Ok(packet) => writeln!(out, "{}", to_hex(&packet))?,
            Err(reason) => writeln!(out, "! {reason}")?,
        }
    }
    out.flush()?;
    Ok(())
}

impl Session {
    fn new(profile: &str, key: &[u8], salt: &[u8]) -> Result<Self, Box<dyn Error>> {
        let profile = match profile {
            "gcm" => SrtpProfile::AeadAes128Gcm,
            "cm" => SrtpProfile::Aes128CmHmacSha1_80,
            _ => return Err("profile is gcm or cm".into()),
        };
        let sender = SrtpSender::new(profile, key, salt)?;
        Ok(Self {
            sender,
            receiver: SrtpReceiver::new(profile, key, salt)?,
        })
    }

    /// The packet, or why there is none; an outer error is a line that makes no sense.
    fn obey(&mut self, words: &[&str]) -> Result<Result<Vec<u8>, String>, Box<dyn Error>> {
        let mut packet = from_hex(words.last().ok_or("empty line")?)?;
        let done = match words {
            ["protect-rtp", roc, header_len, _] => self
                .sender
                .protect_rtp(&mut packet, 0, header_len.parse()?, roc.parse()?)
                .map_err(|error| error.to_string()),
            ["unprotect-rtp", header_len, _] => self
                .receiver
                .unprotect_rtp(&mut packet, header_len.parse()?)
                .map(|unprotected| packet.truncate(unprotected.len))
                .map_err(|reason| reason.label().to_owned()),
            ["protect-rtcp", _] => self
                .sender
                .protect_rtcp(&mut packet, 0)
                .map_err(|error| error.to_string()),
            ["unprotect-rtcp", _] => self
                .receiver
                .unprotect_rtcp(&mut packet)
                .map(|len| packet.truncate(len))
                .map_err(|reason| reason.label().to_owned()),
            _ => return Err(format!("unknown command {words:?}").into()),
        };
        Ok(done.map(|()| packet))
    }
}

fn from_hex(text: &str) -> Result<Vec<u8>, Box<dyn Error>> {
    let pairs = text.as_bytes().chunks(2);
    pairs
        .map(|pair| Ok(u8::from_str_radix(str::from_utf8(pair)?, 16)?))
        .collect()
}

fn to_hex(data: &[u8]) -> String {
    data.iter().map(|byte| format!("{byte:02x}")).collect()
}
