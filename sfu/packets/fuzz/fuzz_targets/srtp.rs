//! Nothing that was not protected with the key gets through, and nothing gets through twice.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sfu_proto::command::SrtpProfile::{AeadAes128Gcm, Aes128CmHmacSha1_80};
use sfu_proto::srtp::{SrtpReceiver, SrtpSender, master_salt_length};

fuzz_target!(|data: &[u8]| {
    let Some((&flags, data)) = data.split_first() else {
        return;
    };
    let profile = if flags & 1 == 0 {
        AeadAes128Gcm
    } else {
        Aes128CmHmacSha1_80
    };
    let salt = vec![1; master_salt_length(profile)];
    let mut sender = SrtpSender::new(profile, &[2; 16], &salt).expect("valid lengths");
    let mut receiver = SrtpReceiver::new(profile, &[2; 16], &salt).expect("valid lengths");
    let header_len = usize::from(flags >> 1);
    assert!(
        receiver
            .unprotect_rtp(&mut data.to_vec(), header_len)
            .is_err()
    );
    assert!(receiver.unprotect_rtcp(&mut data.to_vec()).is_err());

    let mut rtp = data.to_vec();
    if sender.protect_rtp(&mut rtp, 0, header_len, 0).is_ok() {
        let mut again = rtp.clone();
        let unprotected = receiver
            .unprotect_rtp(&mut rtp, header_len)
            .expect("own packet");
        assert_eq!(rtp[..unprotected.len], *data);
        assert!(receiver.unprotect_rtp(&mut again, header_len).is_err());
    }
    let mut rtcp = data.to_vec();
    if sender.protect_rtcp(&mut rtcp, 0).is_ok() {
        let mut again = rtcp.clone();
        let len = receiver.unprotect_rtcp(&mut rtcp).expect("own packet");
        assert_eq!(rtcp[..len], *data);
        assert!(receiver.unprotect_rtcp(&mut again).is_err());
    }
});
