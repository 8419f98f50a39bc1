//! Published vectors that start from session keys, below the key derivation.

use super::cm::CmKeys;
use super::gcm::GcmKeys;
use super::keys::SessionKeys;
use super::packet_id::PacketId;

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let bytes = digits.chunks(2).map(|pair| str::from_utf8(pair).unwrap());
    bytes
        .map(|pair| u8::from_str_radix(pair, 16).unwrap())
        .collect()
}

fn array<const N: usize>(text: &str) -> [u8; N] {
    hex(text).try_into().unwrap()
}

/// RFC 7714 §16: key 00..0f, salt "Quid pro quo".
fn gcm() -> SessionKeys {
    let key = array("000102030405060708090a0b0c0d0e0f");
    SessionKeys::Gcm(Box::new(
        GcmKeys::new(&key, array("517569642070726f2071756f")).unwrap(),
    ))
}

#[test]
fn rfc_7714_16_1_srtp() {
    let header = hex("8040f17b 8041f8d3 5501a0b2");
    let plain = [&header[..], b"Gallia est omnis divisa in partes tres"].concat();
    let protected = hex(
        "8040f17b 8041f8d3 5501a0b2 f24de3a3 fb34de6c acba861c 9d7e4bca be633bd5 0d294e6f
         42a5f47a 51c7d19b 36de3adf 8833 899d7f27 beb16a91 52cf765e e4390cce",
    );
    let id = PacketId::rtp(0x5501_a0b2, 0xf17b);
    let mut arena = plain.clone();
    gcm().seal_rtp(&mut arena, 0, 12, id).unwrap();
    assert_eq!(arena, protected);
    let len = gcm().open_rtp(&mut arena, 12, id).unwrap();
    assert_eq!(arena[..len], plain);
}

#[test]
fn rfc_7714_17_1_srtcp() {
    let plain = hex(
        "81c8000d 4d617273 4e545031 4e545032 52545020 0000042a 0000e930 4c756e61
         deadbeef deadbeef deadbeef deadbeef deadbeef",
    );
    let protected = hex(
        "81c8000d 4d617273 63e94885 dcdab67c a727d766 2f6b7e99 7ff5c0f7 6c06f32d c676a5f1
         730d6fda 4ce09b46 86303ded 0bb9275b c84aa458 96cf4d2f c5abf872 45d9eade 800005d4",
    );
    let id = PacketId::rtcp(0x4d61_7273, 0x5d4);
    let trailer = array("800005d4");
    let mut arena = plain.clone();
    gcm().seal_rtcp(&mut arena, 0, id, trailer).unwrap();
    assert_eq!(arena, protected);
    let len = gcm().open_rtcp(&mut arena, id, trailer).unwrap();
    assert_eq!(arena[..len], plain);
}

/// SSRC and index are 0 there.
#[test]
fn rfc_3711_b2_keystream() {
    let key = array("2B7E151628AED2A6ABF7158809CF4F3C");
    let salt = array("F0F1F2F3F4F5F6F7F8F9FAFBFCFD");
    let keys = CmKeys::new(&key, salt, &[0; 20]).unwrap();
    let mut keystream = [0; 48];
    keys.apply_keystream(PacketId::rtp(0, 0), &mut keystream)
        .unwrap();
    let expected = "E03EAD0935C95E80E166B16DD92B4EB4 D23513162B02D0F72A43A2FE4A5F97AB
                    41E95B3BB0A2E8DD477901E4FCA894C0";
    assert_eq!(keystream.to_vec(), hex(expected));
}
