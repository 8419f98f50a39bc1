use super::*;

/// Bits as text, most significant first; spaces are for the reader.
fn bits(text: &str) -> Vec<u8> {
    let mut digits: Vec<u8> = text.bytes().filter(|digit| *digit != b' ').collect();
    digits.resize(digits.len().next_multiple_of(8), b'0');
    let byte = |digits: &[u8]| {
        digits
            .iter()
            .fold(0, |byte, digit| byte << 1 | (digit - b'0'))
    };
    digits.chunks(8).map(byte).collect()
}

fn head(flags: &str, template: u8, number: u16) -> String {
    format!("{flags} {template:06b} {number:016b} ")
}

fn indications(symbols: &str) -> String {
    let code = |symbol| match symbol {
        '-' => "00",
        'D' => "01",
        'S' => "10",
        'R' => "11",
        _ => unreachable!("no symbol"),
    };
    symbols.chars().map(code).collect()
}

/// One layer, three temporal ones, as libwebrtc sends AV1: five templates, one chain.
fn one_by_three(id: u8) -> String {
    let templates = ["SSS", "SSS", "-DS", "--D", "--D"]
        .map(indications)
        .concat();
    [
        format!("{id:06b} 00010 "),
        // The same, T1, T2, the same, no more.
        "00 01 01 00 11 ".to_owned(),
        templates,
        // A keyframe refers to nothing, the others to 4, 2, 1 and 3 before them.
        " 0 1 0011 0 1 0001 0 1 0000 0 1 0000 0 ".to_owned(),
        // One chain of 0 to 3 (ns: 1 is 01), which protects all three.
        "01 ".to_owned(),
        "0000 0100 0010 0001 0011 ".to_owned(),
        "1 0000001001111111 0000000101100111 ".to_owned(),
    ]
    .concat()
}

/// Two spatial layers without temporal ones, by the indications of their frames.
fn two_layers(templates: [&str; 4]) -> String {
    let indications = templates.map(indications).concat();
    // Two of each layer; no references, no chains, no sizes.
    format!("000000 00001 00 10 00 11 {indications} 0 0 0 0 00 0 ")
}

/// Of a key picture and of one after it, the lower layer first.
const KEY_ONLY: [&str; 4] = ["SS", "S-", "-S", "-S"];
const FULL: [&str; 4] = ["SS", "SR", "-S", "-S"];

fn with_structure(template: u8, number: u16, structure: &str) -> Vec<u8> {
    bits(&[&head("11", template, number), "10000 ", structure].concat())
}

fn plain(template: u8, number: u16) -> Vec<u8> {
    bits(&head("11", template, number))
}

#[test]
fn temporal_layers_follow_from_the_structure_of_the_keyframe() {
    let mut known = Dependencies::default();
    let keyframe = known
        .read(&with_structure(60, 65_534, &one_by_three(60)))
        .unwrap();
    assert_eq!(known.resolution(), Some((640, 360)));
    assert_eq!(known.spatial_layers(), 1);
    let mut frames = vec![keyframe];
    // Ids go round after 63: 60 is the keyframe's, 0 is the fifth.
    for (template, number) in [(63, 65_535), (62, 0), (0, 1), (61, 2)] {
        frames.push(known.read(&plain(template, number)).unwrap());
    }
    let layers =
        |frame: &FrameDependencies| (frame.temporal_layer, frame.needed_from, frame.opens_to);
    let told: Vec<_> = frames.iter().map(layers).collect();
    let expected = [
        (0, 0, Some(255)),
        (2, 2, None),
        (1, 1, Some(255)),
        (2, 2, None),
        (0, 0, Some(255)),
    ];
    assert_eq!(told, expected);
    assert!(
        frames
            .iter()
            .all(|frame| frame.serves == 0xff && frame.top == 0)
    );
    assert_eq!(frames[3].number, 1);
}

#[test]
fn spatial_layers_of_a_key_picture_alone_depend_on_each_other() {
    let mut known = Dependencies::default();
    let key = known
        .read(&with_structure(0, 1, &two_layers(KEY_ONLY)))
        .unwrap();
    assert_eq!(
        (key.spatial_layer, key.serves, key.opens, key.top),
        (0, 0xff, 0xff, 1)
    );
    let low = known.read(&plain(1, 2)).unwrap();
    assert_eq!((low.serves, low.opens), (0b01, 0b01));
    let high = known.read(&plain(3, 3)).unwrap();
    assert_eq!(
        (high.spatial_layer, high.serves, high.opens),
        (1, 0xfe, 0xfe)
    );
    assert_eq!(known.spatial_layers(), 2);
}

#[test]
fn in_full_scalability_each_lower_frame_serves_all_above() {
    let mut known = Dependencies::default();
    known
        .read(&with_structure(0, 1, &two_layers(FULL)))
        .unwrap();
    let low = known.read(&plain(1, 2)).unwrap();
    assert_eq!((low.serves, low.opens), (0xff, 0b01));
}

/// Whoever is sent the best there is must then be sent what is the best now.
#[test]
fn a_layer_that_is_switched_off_is_nobodys_best() {
    let mut known = Dependencies::default();
    known
        .read(&with_structure(0, 1, &two_layers(KEY_ONLY)))
        .unwrap();
    let only_low = bits(&[&head("11", 1, 2), "01000 01"].concat());
    let low = known.read(&only_low).unwrap();
    assert_eq!((low.serves, low.top), (0xff, 0));
    assert_eq!(
        known.read(&plain(1, 3)).unwrap().serves,
        0xff,
        "it stays so"
    );
    let old = bits(&[&head("11", 1, 1), "01000 11"].concat());
    assert_eq!(
        known.read(&old).unwrap().top,
        0,
        "a late word changes nothing"
    );
    let both = bits(&[&head("11", 1, 4), "01000 11"].concat());
    assert_eq!(known.read(&both).unwrap().serves, 0b01);
}

/// What a descriptor says once its mask was written anew; the rest of it is as it was.
fn rewritten(known: &mut Dependencies, data: &[u8], mask: u32) -> ActiveTargets {
    let mut reader = known.clone();
    let own = known.read(data).unwrap();
    let targets = known.take_targets().expect("several");
    let data = targets.rewrite(data, mask).expect("its own");
    let read = reader.read(&data).expect("well-formed");
    assert_eq!(
        FrameDependencies {
            serves: 0,
            opens: 0,
            top: 0,
            ..read
        },
        FrameDependencies {
            serves: 0,
            opens: 0,
            top: 0,
            ..own
        }
    );
    assert_eq!(reader.spatial_layers(), known.spatial_layers());
    assert_eq!(reader.resolution(), known.resolution());
    let read = reader.take_targets().expect("several");
    assert_eq!((read.all(), read.has_mask), (mask, true));
    assert_eq!(read.has_structure, targets.has_structure);
    // And once more, in place.
    let again = read.rewrite(&data, targets.all()).expect("its own");
    assert_eq!(again.len(), data.len());
    targets
}

#[test]
fn which_targets_there_are_is_written_into_any_descriptor() {
    let mut known = Dependencies::default();
    let structure = with_structure(60, 65_534, &one_by_three(60));
    let targets = rewritten(&mut known, &structure, 0b011);
    assert_eq!(targets.up_to(None, u8::MAX), 0b111);
    assert_eq!(targets.up_to(Some(0), 1), 0b011);
    assert_eq!(targets.up_to(Some(7), 0), 0b001);
    rewritten(&mut known, &plain(61, 65_535), 0b001);
    let told = bits(&[&head("11", 62, 0), "01000 011"].concat());
    let targets = rewritten(&mut known, &told, 0b001);
    assert_eq!(targets.up_to(None, u8::MAX), 0b011, "of those there are");
}

#[test]
fn a_target_is_whole_where_all_of_its_frames_go() {
    for (templates, upper) in [(KEY_ONLY, 0b10), (FULL, 0b11)] {
        let mut known = Dependencies::default();
        let structure = with_structure(0, 1, &two_layers(templates));
        let targets = rewritten(&mut known, &structure, 0b01);
        assert_eq!(targets.up_to(Some(0), 0), 0b01);
        assert_eq!(targets.up_to(Some(1), 0), upper);
        assert_eq!(targets.up_to(None, 0), 0b11);
    }
}

#[test]
fn a_frame_may_say_all_of_itself() {
    let mut known = Dependencies::default();
    known.read(&with_structure(0, 1, &one_by_three(0))).unwrap();
    // Own indications, references over 1 and 300 frames, and its chain's distance.
    let own = [
        &head("10", 3, 2),
        "00111 ",
        &indications("--S"),
        " 01 0000 11 000100101011 00 00000100",
    ];
    let frame = known.read(&bits(&own.concat())).unwrap();
    assert_eq!((frame.temporal_layer, frame.opens_to), (2, Some(255)));
    assert!(frame.starts_frame && !frame.ends_frame);
    let cut = &bits(&own.concat())[..7];
    assert_eq!(known.read(cut), Err(DescriptorError::Truncated));
}

#[test]
fn what_is_not_known_is_refused() {
    let mut known = Dependencies::default();
    assert_eq!(
        known.read(&plain(0, 1)),
        Err(DescriptorError::UnknownStructure)
    );
    let whole = with_structure(0, 10, &one_by_three(0));
    for length in 0..whole.len() {
        assert!(known.read(&whole[..length]).is_err(), "{length} bytes");
    }
    known.read(&whole).unwrap();
    assert_eq!(
        known.read(&plain(5, 11)),
        Err(DescriptorError::UnknownStructure),
        "the sixth"
    );
    assert_eq!(
        known.read(&plain(0, 9)),
        Err(DescriptorError::UnknownStructure),
        "from before it"
    );
}

#[test]
fn more_templates_or_layers_than_there_can_be_are_refused() {
    let mut known = Dependencies::default();
    let endless =
        |step: &str| bits(&[&head("11", 0, 1), "10000 000000 00000", &step.repeat(70)].concat());
    for step in ["00", "01", "10"] {
        assert_eq!(
            known.read(&endless(step)),
            Err(DescriptorError::Malformed),
            "{step}"
        );
    }
}

#[test]
fn values_below_a_count_that_is_no_power_of_two() {
    // ns(5), as the specification's table has it.
    for (text, value) in [("00", 0), ("01", 1), ("10", 2), ("110", 3), ("111", 4)] {
        let data = bits(text);
        assert_eq!(read_non_symmetric(&mut Bits::new(&data), 5), Some(value));
    }
}

#[test]
fn a_structure_holds_for_as_long_as_no_other_comes() {
    let mut known = Dependencies::default();
    known
        .read(&with_structure(60, 9, &one_by_three(60)))
        .unwrap();
    for number in 10..70_000_u32 {
        let frame = known.read(&plain(0, number as u16));
        assert!(frame.is_ok(), "{number}: {frame:?}");
    }
}
