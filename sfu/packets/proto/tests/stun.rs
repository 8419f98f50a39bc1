//! STUN messages against RFC 5769 and against themselves.

#![allow(clippy::unwrap_used)]

use sfu_proto::stun::{
    BINDING, BindingError, BindingRequest, BindingSuccess, Class, Message, Role, StunError, StunKey,
};

const PASSWORD: &str = "VOkJxbRl1RmTxUk/WvJxBt";

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let bytes = digits.chunks(2).map(|pair| str::from_utf8(pair).unwrap());
    bytes
        .map(|pair| u8::from_str_radix(pair, 16).unwrap())
        .collect()
}

/// RFC 5769 §2.1.
fn sample_request() -> Vec<u8> {
    hex(
        "00010058 2112a442 b7e7a701 bc34d686 fa87dfae 80220010 5354554e 20746573 7420636c
         69656e74 00240004 6e0001ff 80290008 932ff9b1 51263b36 00060009 6576746a 3a683676
         59202020 00080014 9aeaa70c bfd8cb56 781ef2b5 b2d3f249 c1b571a2 80280004 e57a3bcf",
    )
}

fn request() -> BindingRequest<'static> {
    BindingRequest {
        transaction_id: *b"transaction!",
        username: "server:client",
        priority: 0x7e00_00ff,
        use_candidate: true,
        role: Role::Controlling(42),
    }
}

#[test]
fn rfc_5769_request_is_read_and_verifies() {
    let data = sample_request();
    let message = Message::parse(&data).unwrap();
    assert_eq!((message.class, message.method), (Class::Request, BINDING));
    assert_eq!(message.username, Some(&b"evtj:h6vY"[..]));
    assert_eq!(message.priority, Some(0x6e00_01ff));
    assert_eq!(message.role, Some(Role::Controlled(0x932f_f9b1_5126_3b36)));
    assert!(!message.use_candidate && message.unknown.is_empty());
    assert!(message.is_authentic(&StunKey::new(PASSWORD)));
    assert!(!message.is_authentic(&StunKey::new("other")));
}

#[test]
fn rfc_5769_ipv4_response_is_read_and_verifies() {
    let data = hex(
        "0101003c 2112a442 b7e7a701 bc34d686 fa87dfae 8022000b 74657374 20766563 746f7220
         00200008 0001a147 e112a643 00080014 2b91f599 fd9e90c3 8c7489f9 2af9ba53 f06be7d7
         80280004 c07d4c96",
    );
    let message = Message::parse(&data).unwrap();
    assert_eq!(message.class, Class::Success);
    assert_eq!(
        message.mapped_address,
        Some("192.0.2.1:32853".parse().unwrap())
    );
    assert!(message.is_authentic(&StunKey::new(PASSWORD)));
}

#[test]
fn rfc_5769_ipv6_response_is_read_and_verifies() {
    let data = hex(
        "01010048 2112a442 b7e7a701 bc34d686 fa87dfae 8022000b 74657374 20766563 746f7220
         00200014 0002a147 0113a9fa a5d3f179 bc25f4b5 bed2b9d9 00080014 a382954e 4be67bf1
         1784c97c 8292c275 bfe3ed41 80280004 c8fb0b4c",
    );
    let message = Message::parse(&data).unwrap();
    let expected = "[2001:db8:1234:5678:11:2233:4455:6677]:32853"
        .parse()
        .unwrap();
    assert_eq!(message.mapped_address, Some(expected));
    assert!(message.is_authentic(&StunKey::new(PASSWORD)));
}

#[test]
fn requests_are_read_as_they_were_written() {
    let mut arena = b"before".to_vec();
    request().encode(&mut arena, &StunKey::new(PASSWORD));
    let message = Message::parse(&arena[6..]).unwrap();
    assert_eq!((message.class, message.method), (Class::Request, BINDING));
    assert_eq!(message.transaction_id, *b"transaction!");
    assert_eq!(message.username, Some(&b"server:client"[..]));
    assert_eq!(message.priority, Some(0x7e00_00ff));
    assert_eq!(message.role, Some(Role::Controlling(42)));
    assert!(message.use_candidate);
    assert!(message.is_authentic(&StunKey::new(PASSWORD)));
}

#[test]
fn answers_are_read_as_they_were_written() {
    let key = StunKey::new(PASSWORD);
    for address in ["192.0.2.7:9", "[2001:db8::7]:65535"] {
        let mapped_address = address.parse().unwrap();
        let mut data = Vec::new();
        BindingSuccess {
            transaction_id: [7; 12],
            mapped_address,
        }
        .encode(&mut data, &key);
        let message = Message::parse(&data).unwrap();
        assert_eq!(message.class, Class::Success);
        assert_eq!(message.mapped_address, Some(mapped_address));
        assert!(message.is_authentic(&key));
    }
    let mut data = Vec::new();
    let error = BindingError {
        transaction_id: [7; 12],
        code: 487,
        unknown: &[],
    };
    error.encode(&mut data, Some(&key));
    let message = Message::parse(&data).unwrap();
    assert_eq!(
        (message.class, message.error_code),
        (Class::Error, Some(487))
    );
    assert!(message.is_authentic(&key));
}

#[test]
fn mapped_ipv4_addresses_are_told_as_ipv4() {
    let mut data = Vec::new();
    let mapped_address = "[::ffff:192.0.2.7]:9".parse().unwrap();
    let success = BindingSuccess {
        transaction_id: [7; 12],
        mapped_address,
    };
    success.encode(&mut data, &StunKey::new(PASSWORD));
    let message = Message::parse(&data).unwrap();
    assert_eq!(message.mapped_address, Some("192.0.2.7:9".parse().unwrap()));
}

#[test]
fn every_changed_byte_up_to_the_integrity_is_noticed() {
    let genuine = sample_request();
    let key = StunKey::new(PASSWORD);
    for position in 0..genuine.len() - 8 {
        let mut changed = genuine.clone();
        changed[position] ^= 1;
        let is_taken = Message::parse(&changed).is_ok_and(|message| message.is_authentic(&key));
        assert!(!is_taken, "byte {position}");
    }
}

#[test]
fn fingerprint_must_match() {
    let genuine = sample_request();
    for position in genuine.len() - 4..genuine.len() {
        let mut changed = genuine.clone();
        changed[position] ^= 1;
        assert_eq!(
            Message::parse(&changed).unwrap_err(),
            StunError::Fingerprint
        );
    }
}

#[test]
fn framing_must_add_up() {
    let genuine = sample_request();
    for length in 0..genuine.len() {
        assert!(
            Message::parse(&genuine[..length]).is_err(),
            "length {length}"
        );
    }
    let longer = [&genuine[..], &[0; 4]].concat();
    assert_eq!(Message::parse(&longer).unwrap_err(), StunError::Framing);
    let overrunning = hex("00010004 2112a442 000000000000000000000000 00060001");
    assert_eq!(
        Message::parse(&overrunning).unwrap_err(),
        StunError::Framing
    );
}

#[test]
fn attributes_behind_the_integrity_count_for_nothing() {
    let key = StunKey::new(PASSWORD);
    let mut data = Vec::new();
    BindingRequest {
        use_candidate: false,
        ..request()
    }
    .encode(&mut data, &key);
    // FINGERPRINT makes way for USE-CANDIDATE; the length stays what it was without either.
    data.truncate(data.len() - 8);
    data.extend(hex("00250000"));
    let length = (data.len() - 20) as u16;
    data[2..4].copy_from_slice(&length.to_be_bytes());
    let message = Message::parse(&data).unwrap();
    assert!(message.is_authentic(&key));
    assert!(!message.use_candidate);
}

#[test]
fn unknown_attributes_that_must_be_understood_are_listed() {
    let data =
        hex("00010010 2112a442 000000000000000000000000 00030004 00000006 c0570004 00000000");
    let message = Message::parse(&data).unwrap();
    assert_eq!(message.unknown.as_slice(), [3]);
}
