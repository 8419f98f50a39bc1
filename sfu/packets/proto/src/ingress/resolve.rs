//! Whose stream is an SSRC? By what is known, else by mid and rid, else by what the offer
//! announced, else by a payload type that only one source has (RFC 8843 §9.2, RFC 8852).

use super::source::Source;
use super::{Ingress, receiver::Stream};
use crate::command::Extension;
use crate::drop::DropReason;
use crate::limits::LAYERS_PER_SOURCE;
use crate::rtp::{Elements, Header};

impl Ingress {
    /// Index of the stream among the receiver's.
    pub(super) fn resolve(
        &mut self,
        receiver: usize,
        header: &Header,
        elements: &Elements,
        packet: &[u8],
    ) -> Result<usize, DropReason> {
        let known = self.receivers[receiver].stream(header.ssrc);
        let mid = elements.get(Extension::Mid, packet);
        if let Some(index) = known.filter(|&index| self.agrees(receiver, index, mid)) {
            return Ok(index);
        }
        if known.is_none() && self.receivers[receiver].is_full() {
            return Err(DropReason::TooManySsrcs);
        }
        let stream = self
            .by_mid(receiver, header, elements, packet)
            .or_else(|| self.by_announcement(receiver, header))
            .or_else(|| self.by_payload_type(receiver, header))
            .ok_or(DropReason::UnknownSsrc)?;
        let streams = &mut self.receivers[receiver].streams;
        let Some(index) = known else {
            streams.push(stream);
            return Ok(streams.len() - 1);
        };
        let held = streams[index];
        if (held.line, held.index) != (stream.line, stream.index) {
            streams[index] = stream;
            if let Some(layer) = held.layer {
                self.remove_layer(layer);
            }
        }
        Ok(index)
    }

    /// A packet may say that its SSRC has moved to another m-line.
    fn agrees(&self, receiver: usize, stream: usize, mid: Option<&[u8]>) -> bool {
        let receiver = &self.receivers[receiver];
        let line = &receiver.lines[receiver.streams[stream].line];
        mid.is_none_or(|mid| line.mid.as_bytes() == mid)
    }

    fn by_mid(
        &self,
        receiver: usize,
        header: &Header,
        elements: &Elements,
        packet: &[u8],
    ) -> Option<Stream> {
        let mid = elements.get(Extension::Mid, packet)?;
        let lines = &self.receivers[receiver].lines;
        let line = lines.iter().position(|line| line.mid.as_bytes() == mid)?;
        let source = &self.sources[lines[line].source?];
        source.meaning(header.payload_type)?;
        let repaired = elements.get(Extension::RepairedRid, packet);
        let rid = repaired.or_else(|| elements.get(Extension::Rid, packet));
        let index = source.layer_of_rid(rid)?;
        Some(stream(header.ssrc, line, index))
    }

    fn by_announcement(&self, receiver: usize, header: &Header) -> Option<Stream> {
        self.with_sources(receiver).find_map(|(line, source)| {
            let index = source.layer_of_announced(header.ssrc)?;
            Some(stream(header.ssrc, line, index))
        })
    }

    fn by_payload_type(&self, receiver: usize, header: &Header) -> Option<Stream> {
        let mut claims = self.with_sources(receiver).filter_map(|(line, source)| {
            source.meaning(header.payload_type)?;
            Some((line, source.layer_of_rid(None)))
        });
        let (line, index) = claims.next()?;
        if claims.next().is_some() {
            return None;
        }
        Some(stream(header.ssrc, line, index?))
    }

    fn with_sources(&self, receiver: usize) -> impl Iterator<Item = (usize, &Source)> {
        let lines = self.receivers[receiver].lines.iter().enumerate();
        lines.filter_map(|(index, line)| Some((index, &self.sources[line.source?])))
    }
}

fn stream(ssrc: u32, line: usize, index: u8) -> Stream {
    let index = index.min(LAYERS_PER_SOURCE as u8 - 1);
    Stream {
        ssrc,
        line,
        index,
        layer: None,
    }
}
