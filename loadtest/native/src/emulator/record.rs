//! A row for each packet, written by a thread of its own: a slow disk makes no packet late.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::JoinHandle;

use sfu_link::{Fate, Passed};

use super::frame::{Kind, Label};
use crate::time::{MICROSECOND, Nanos};

const HEADER: &str = "in_s,out_s,direction,size,fate,queued_ms,kind,ssrc,sequence_number,\
    payload_type,timestamp,marker";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    Up,
    Down,
}

/// Times are since the emulation began.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) direction: Direction,
    pub(super) came: Nanos,
    pub(super) left: Nanos,
    pub(super) queued: Nanos,
    pub(super) size: usize,
    pub(super) fate: Fate,
    pub(super) label: Label,
}

impl Row {
    /// `left`: when it went out in truth, if it did.
    pub(super) fn new<T>(
        direction: Direction,
        passed: &Passed<T>,
        left: Nanos,
        label: Label,
    ) -> Self {
        Self {
            direction,
            came: passed.entered.as_nanos() as Nanos,
            left,
            queued: passed.queued.as_nanos() as Nanos,
            size: passed.size,
            fate: passed.fate,
            label,
        }
    }

    fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let direction = match self.direction {
            Direction::Up => "up",
            Direction::Down => "down",
        };
        let (came, left) = (Seconds(self.came), Seconds(self.left));
        let (size, fate, kind) = (self.size, fate(self.fate), kind(self.label.kind));
        let queued = self.queued / MICROSECOND;
        let (whole, thousandths) = (queued / 1000, queued % 1000);
        write!(
            out,
            "{came},{left},{direction},{size},{fate},{whole}.{thousandths:03},{kind},"
        )?;
        match (self.label.kind, self.label.rtp) {
            (Kind::Rtp, Some(rtp)) => writeln!(
                out,
                "{},{},{},{},{}",
                rtp.ssrc,
                rtp.sequence_number,
                rtp.payload_type,
                rtp.timestamp,
                u8::from(rtp.marker)
            ),
            (_, Some(rtcp)) => writeln!(out, "{},,{},,", rtcp.ssrc, rtcp.payload_type),
            (_, None) => writeln!(out, ",,,,"),
        }
    }
}

struct Seconds(Nanos);

impl std::fmt::Display for Seconds {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let micros = self.0 / MICROSECOND;
        write!(
            formatter,
            "{}.{:06}",
            micros / 1_000_000,
            micros % 1_000_000
        )
    }
}

fn fate(fate: Fate) -> &'static str {
    match fate {
        Fate::Delivered => "delivered",
        Fate::Lost => "lost",
        Fate::QueueDropped => "queue_dropped",
        Fate::Duplicated => "duplicated",
        Fate::Unfinished => "unfinished",
    }
}

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Rtp => "rtp",
        Kind::Rtcp => "rtcp",
        Kind::Stun => "stun",
        Kind::Dtls => "dtls",
        Kind::Other => "other",
    }
}

pub(super) struct Recorder {
    rows: Sender<Vec<Row>>,
    thread: JoinHandle<io::Result<()>>,
}

impl Recorder {
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        let file = File::create(path).map_err(|error| {
            io::Error::new(error.kind(), format!("{}: {error}", path.display()))
        })?;
        let (rows, received) = mpsc::channel();
        let thread = std::thread::Builder::new()
            .name("rows".to_owned())
            .spawn(move || write_all(&received, file))?;
        Ok(Self { rows, thread })
    }

    /// Takes them out. What cannot be written is told at the end.
    pub(super) fn take(&self, rows: &mut Vec<Row>) {
        let _ = self.rows.send(std::mem::take(rows));
    }

    pub(super) fn finish(self) -> io::Result<()> {
        drop(self.rows);
        let ended = self.thread.join();
        ended.unwrap_or_else(|_| Err(io::Error::other("the thread that writes rows panicked")))
    }
}

fn write_all(received: &Receiver<Vec<Row>>, file: File) -> io::Result<()> {
    let mut out = BufWriter::new(file);
    writeln!(out, "{HEADER}")?;
    for rows in received {
        rows.iter().try_for_each(|row| row.write(&mut out))?;
        out.flush()?;
    }
    Ok(())
}
