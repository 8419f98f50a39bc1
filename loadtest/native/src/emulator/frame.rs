//! What a frame is, as far as its headers tell: SRTP leaves them readable (RFC 3711 §3.1).

const ETHERNET: usize = 14;
const IPV4: [u8; 2] = [0x08, 0x00];
const IPV6: [u8; 2] = [0x86, 0xdd];
const UDP: u8 = 17;
const UDP_HEADER: usize = 8;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Rtp,
    Rtcp,
    Stun,
    Dtls,
    /// Of UDP, or of another protocol over IP.
    Other,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Label {
    pub(super) kind: Kind,
    pub(super) rtp: Option<Rtp>,
}

/// Of RTCP only the first two, of its first packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rtp {
    pub(super) ssrc: u32,
    pub(super) payload_type: u8,
    pub(super) sequence_number: u16,
    pub(super) timestamp: u32,
    pub(super) marker: bool,
}

/// What counts at a bottleneck: the IP packet. `None`: no IP, so it is no traffic of anyone's.
pub(super) fn ip_size(frame: &[u8]) -> Option<usize> {
    let kind = frame.get(12..ETHERNET)?;
    (kind == IPV4 || kind == IPV6).then(|| frame.len() - ETHERNET)
}

pub(super) fn label(frame: &[u8]) -> Label {
    const OTHER: Label = Label {
        kind: Kind::Other,
        rtp: None,
    };
    udp_payload(frame).map_or(OTHER, label_of_payload)
}

fn udp_payload(frame: &[u8]) -> Option<&[u8]> {
    let packet = frame.get(ETHERNET..)?;
    let (protocol, header) = match packet.first()? >> 4 {
        // A later fragment has no UDP header.
        4 if u16::from_be_bytes([*packet.get(6)?, *packet.get(7)?]) & 0x1fff == 0 => {
            (*packet.get(9)?, usize::from(packet[0] & 15) * 4)
        }
        6 => (*packet.get(6)?, 40),
        _ => return None,
    };
    (protocol == UDP).then(|| packet.get(header + UDP_HEADER..))?
}

/// RFC 7983 §7, and RFC 5761 §4 for what is RTCP.
fn label_of_payload(payload: &[u8]) -> Label {
    let kind = match payload {
        [0..4, ..] => Kind::Stun,
        [20..64, ..] => Kind::Dtls,
        [128..192, 192..224, ..] => Kind::Rtcp,
        [128..192, ..] => Kind::Rtp,
        _ => Kind::Other,
    };
    let rtp = match kind {
        Kind::Rtp => rtp(payload),
        Kind::Rtcp => rtcp(payload),
        _ => None,
    };
    Label { kind, rtp }
}

fn rtp(payload: &[u8]) -> Option<Rtp> {
    let header: &[u8; 12] = payload.first_chunk()?;
    Some(Rtp {
        ssrc: word(&header[8..]),
        payload_type: header[1] & 0x7f,
        sequence_number: u16::from_be_bytes([header[2], header[3]]),
        timestamp: word(&header[4..]),
        marker: header[1] & 0x80 != 0,
    })
}

fn rtcp(payload: &[u8]) -> Option<Rtp> {
    let header: &[u8; 8] = payload.first_chunk()?;
    Some(Rtp {
        ssrc: word(&header[4..]),
        payload_type: header[1],
        sequence_number: 0,
        timestamp: 0,
        marker: false,
    })
}

fn word(bytes: &[u8]) -> u32 {
    u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: [u8; 2], ip: &[u8], payload: &[u8]) -> Vec<u8> {
        [&[0; 12][..], &kind, ip, &[0; 8], payload].concat()
    }

    fn over_ipv4(payload: &[u8]) -> Vec<u8> {
        let mut ip = [0; 24];
        (ip[0], ip[9]) = (0x46, UDP);
        frame(IPV4, &ip, payload)
    }

    const PACKET: [u8; 14] = [
        0x90, 0xe0, 0x12, 0x34, 0, 0, 0, 9, 0xde, 0xad, 0xbe, 0xef, 1, 2,
    ];

    #[test]
    fn rtp_is_read_over_both_versions() {
        let expected = Label {
            kind: Kind::Rtp,
            rtp: Some(Rtp {
                ssrc: 0xdead_beef,
                payload_type: 96,
                sequence_number: 0x1234,
                timestamp: 9,
                marker: true,
            }),
        };
        assert_eq!(label(&over_ipv4(&PACKET)), expected);
        let mut ip = [0; 40];
        (ip[0], ip[6]) = (0x60, UDP);
        let frame = frame(IPV6, &ip, &PACKET);
        assert_eq!(label(&frame), expected);
        assert_eq!(ip_size(&frame), Some(40 + 8 + 14));
    }

    #[test]
    fn other_kinds_are_told_apart() {
        let kind = |payload: &[u8]| label(&over_ipv4(payload)).kind;
        assert_eq!(kind(&[0, 1, 0, 0]), Kind::Stun);
        assert_eq!(kind(&[22, 254, 253]), Kind::Dtls);
        assert_eq!(kind(&[128, 201, 0, 1, 0, 0, 0, 7]), Kind::Rtcp);
        assert_eq!(kind(&[]), Kind::Other);
        let arp = frame([8, 6], &[0; 28], &[]);
        assert_eq!((ip_size(&arp), label(&arp).kind), (None, Kind::Other));
    }

    #[test]
    fn cut_frames_are_read_as_far_as_they_go() {
        let whole = over_ipv4(&PACKET);
        for length in 0..whole.len() {
            let cut = &whole[..length];
            assert!(label(cut).rtp.is_none() || length >= whole.len() - 2);
            assert!(ip_size(cut).is_none_or(|size| size + ETHERNET == length));
        }
    }
}
