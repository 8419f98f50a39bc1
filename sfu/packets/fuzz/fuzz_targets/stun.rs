//! Any datagram is a STUN message or an error; what we write, we read.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sfu_proto::stun::{BindingRequest, BindingSuccess, Message, Role, StunKey};

fuzz_target!(|data: &[u8]| {
    let Ok(message) = Message::parse(data) else {
        return;
    };
    let key = StunKey::new("password");
    let _ = message.is_authentic(&key);
    let mut written = Vec::new();
    if let Some(mapped_address) = message.mapped_address {
        let transaction_id = message.transaction_id;
        BindingSuccess {
            transaction_id,
            mapped_address,
        }
        .encode(&mut written, &key);
        let read = Message::parse(&written).expect("own message");
        let expected = mapped_address.ip().to_canonical();
        assert_eq!(
            read.mapped_address.map(|address| address.ip()),
            Some(expected)
        );
        assert!(read.is_authentic(&key));
    }
    let Some(username) = message
        .username
        .and_then(|username| str::from_utf8(username).ok())
    else {
        return;
    };
    let request = BindingRequest {
        transaction_id: message.transaction_id,
        username,
        priority: message.priority.unwrap_or(0),
        use_candidate: message.use_candidate,
        role: message.role.unwrap_or(Role::Controlling(0)),
    };
    written.clear();
    request.encode(&mut written, &key);
    let read = Message::parse(&written).expect("own message");
    assert_eq!(read.username, message.username);
    assert_eq!(read.use_candidate, message.use_candidate);
    assert!(read.is_authentic(&key));
});
