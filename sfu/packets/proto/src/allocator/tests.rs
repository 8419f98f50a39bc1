use super::*;
use crate::random::Random;

const KBPS: u64 = 1000;

/// Layers of three temporal layers each, as libwebrtc shares its bits out among them, highest
/// first.
fn layers(rates_kbps: &[u64]) -> Vec<Layer> {
    let layers = rates_kbps.iter().enumerate();
    let of = |kbps: u64, percent: u64| kbps * KBPS * percent / 100;
    layers
        .map(|(index, &kbps)| Layer {
            index: index as u8,
            upto_bps: [of(kbps, 40), of(kbps, 60), of(kbps, 100), of(kbps, 100)],
            top_temporal: 2,
        })
        .collect()
}

fn camera(rates_kbps: &[u64]) -> Vec<Rung> {
    ladder(&layers(rates_kbps), false)
}

fn ladder(layers: &[Layer], is_screen: bool) -> Vec<Rung> {
    let mut rungs = Vec::new();
    build(layers, is_screen, &mut rungs);
    rungs
}

struct Slot {
    ladder: Vec<Rung>,
    is_stage: bool,
    memory: Memory,
}

impl Slot {
    fn new(ladder: Vec<Rung>) -> Self {
        let (is_stage, memory) = (false, Memory::default());
        Self {
            ladder,
            is_stage,
            memory,
        }
    }

    fn on_stage(self) -> Self {
        Self {
            is_stage: true,
            ..self
        }
    }
}

/// Spatial and temporal layer of each slot, as `"0.2"`; `"-"` is nothing.
fn shown(slots: &[Slot], places: &[Place]) -> String {
    let words = slots.iter().zip(places).map(|(slot, &place)| match place {
        Some(rung) => format!("{}.{}", slot.ladder[rung].layer, slot.ladder[rung].temporal),
        None => "-".to_owned(),
    });
    words.collect::<Vec<_>>().join(" ")
}

fn give(now: Instant, kbps: u64, slots: &mut [Slot]) -> Vec<Place> {
    let mut places = Vec::new();
    let mut wishes: Vec<Wish<'_>> = slots
        .iter()
        .map(|slot| Wish {
            ladder: &slot.ladder,
            is_stage: slot.is_stage,
            memory: slot.memory,
        })
        .collect();
    allocate(now, kbps * KBPS, &mut wishes, &mut places);
    let memories: Vec<Memory> = wishes.iter().map(|wish| wish.memory).collect();
    for (slot, memory) in slots.iter_mut().zip(memories) {
        slot.memory = memory;
    }
    places
}

fn spent(slots: &[Slot], places: &[Place]) -> u64 {
    let costs = slots
        .iter()
        .zip(places)
        .map(|(slot, &place)| cost(&slot.ladder, place));
    costs.sum()
}

#[test]
fn a_ladder_of_a_camera_keeps_at_least_half_of_the_frames_above_its_lowest_layer() {
    let rungs = camera(&[1500, 500, 150]);
    let told: Vec<_> = rungs
        .iter()
        .map(|rung| (rung.layer, rung.temporal, rung.bitrate_bps / KBPS))
        .collect();
    let expected = [
        (2, 0, 60),
        (2, 1, 90),
        (2, 2, 150),
        (1, 1, 300),
        (1, 2, 500),
        (0, 1, 900),
        (0, 2, 1500),
    ];
    assert_eq!(told, expected);
}

#[test]
fn a_screen_is_sharp_before_it_is_smooth() {
    let rungs = ladder(&layers(&[1000, 300]), true);
    assert_eq!((rungs[3].layer, rungs[3].temporal), (0, 0));
    let told: Vec<_> = rungs.iter().map(|rung| rung.bitrate_bps / KBPS).collect();
    assert_eq!(told, [120, 180, 300, 400, 600, 1000]);
}

#[test]
fn what_costs_as_much_as_something_better_is_no_rung() {
    // The upper layer starves: less is spent on it than on the lower.
    let rungs = camera(&[200, 500]);
    let told: Vec<_> = rungs
        .iter()
        .map(|rung| (rung.layer, rung.temporal))
        .collect();
    assert_eq!(told, [(0, 1), (0, 2)]);
}

#[test]
fn cases() {
    let three = || Slot::new(camera(&[1500, 500, 150]));
    let small = || {
        Slot::new(
            camera(&[1500, 500, 150])
                .into_iter()
                .filter(|rung| rung.layer == 2)
                .collect(),
        )
    };
    let screen = || Slot::new(ladder(&layers(&[1000, 300]), true));
    let none = || Slot::new(Vec::new());
    // What is there, kbit/s, what each is given.
    let cases: Vec<(&str, Vec<Slot>, u64, &str)> = vec![
        ("all that there is", vec![three()], 5000, "0.2"),
        ("ten percent to spare", vec![three()], 1660, "0.2"),
        ("a little less", vec![three()], 1640, "0.1"),
        ("fewer frames of the best", vec![three()], 1000, "0.1"),
        ("the second layer whole", vec![three()], 600, "1.2"),
        ("and at half its frames", vec![three()], 400, "1.1"),
        ("the lowest", vec![three()], 200, "2.2"),
        ("a quarter of its frames", vec![three()], 70, "2.0"),
        ("not even that", vec![three()], 60, "-"),
        ("nothing at all", vec![three()], 0, "-"),
        ("no source sends", vec![none()], 5000, "-"),
        ("two share alike", vec![three(), three()], 1200, "1.2 1.2"),
        (
            "the first of two may be a rung ahead",
            vec![three(), three()],
            700,
            "1.1 1.1",
        ),
        (
            "the first gets a picture, the second none",
            vec![three(), three()],
            100,
            "2.1 -",
        ),
        (
            "small tiles ask for little",
            vec![small(), three()],
            5000,
            "2.2 0.2",
        ),
        (
            "the stage comes first",
            vec![three(), three().on_stage()],
            1100,
            "2.1 0.1",
        ),
        (
            "but everyone gets a picture before it is perfect",
            vec![three(), three().on_stage()],
            1650,
            "1.2 0.1",
        ),
        (
            "the stage alone where there is little",
            vec![three(), three(), three().on_stage()],
            340,
            "- - 1.1",
        ),
        (
            "a screen on the stage is sharp",
            vec![three(), screen().on_stage()],
            600,
            "2.1 0.0",
        ),
        (
            "a screen with much",
            vec![three(), screen().on_stage()],
            5000,
            "0.2 0.2",
        ),
        (
            "nine tiles of a grid",
            (0..9).map(|_| three()).collect(),
            1600,
            "2.2 2.2 2.2 2.2 2.2 2.2 2.2 2.2 2.2",
        ),
    ];
    for (name, mut slots, kbps, expected) in cases {
        let places = give(Instant::now(), kbps, &mut slots);
        assert_eq!(shown(&slots, &places), expected, "{name}, {kbps} kbit/s");
    }
}

/// Switches that a link makes in each of so many minutes, looked at ten times a second.
fn switches(minutes: usize, mut kbps_at: impl FnMut(u64) -> u64, slots: &mut [Slot]) -> Vec<usize> {
    let start = Instant::now();
    let mut before = give(start, kbps_at(0), slots);
    let mut counts = vec![0; minutes];
    for tenth in 1..minutes as u64 * 600 {
        let now = start + Duration::from_millis(tenth * 100);
        let places = give(now, kbps_at(tenth), slots);
        let changed = before
            .iter()
            .zip(&places)
            .filter(|(one, other)| one != other);
        counts[(tenth / 600) as usize] += changed.count();
        before = places;
    }
    counts
}

#[test]
fn an_estimate_that_swings_by_a_few_percent_switches_nothing() {
    for kbps in (100..2000).step_by(10) {
        let mut slots = [Slot::new(camera(&[1500, 500, 150]))];
        let counts = switches(2, |tenth| kbps * (100 + tenth * 7 % 5) / 100, &mut slots);
        assert!(
            counts[1] == 0 && counts[0] <= 2,
            "{kbps} kbit/s: {counts:?}"
        );
    }
}

#[test]
fn one_that_swings_far_switches_twice_a_minute_at_most() {
    for kbps in (100..2000).step_by(50) {
        let mut slots = [Slot::new(camera(&[1500, 500, 150]))];
        // A sawtooth of 20 % around the rate, four seconds long.
        let swing = |tenth: u64| kbps * (80 + tenth % 40) / 100;
        let counts = switches(8, swing, &mut slots);
        assert!(
            counts[2..].iter().all(|&count| count <= 2),
            "{kbps} kbit/s: {counts:?}"
        );
    }
}

#[test]
fn a_link_that_is_much_better_is_used_at_once_however_often_it_failed() {
    let start = Instant::now();
    let at = |ms| start + Duration::from_millis(ms);
    let mut slots = [Slot::new(camera(&[1500, 500, 150]))];
    give(at(0), 5000, &mut slots);
    give(at(100), 300, &mut slots);
    let places = give(at(200), 720, &mut slots);
    assert_eq!(shown(&slots, &places), "1.2", "it fits with 40 % to spare");
    let places = give(at(300), 1700, &mut slots);
    assert_eq!(
        shown(&slots, &places),
        "0.1",
        "the last rung fits just so: not yet"
    );
    let places = give(at(400), 2500, &mut slots);
    assert_eq!(shown(&slots, &places), "0.2");
}

#[test]
fn a_tile_waits_after_it_went_down_and_then_comes_back_by_itself() {
    let start = Instant::now();
    let mut slots = [Slot::new(camera(&[1500, 500, 150]))];
    give(start, 1800, &mut slots);
    let places = give(start + Duration::from_secs(1), 1400, &mut slots);
    assert_eq!(shown(&slots, &places), "0.1");
    let places = give(start + Duration::from_secs(2), 1800, &mut slots);
    assert_eq!(shown(&slots, &places), "0.1", "not yet");
    let places = give(start + Duration::from_secs(12), 1800, &mut slots);
    assert_eq!(shown(&slots, &places), "0.2");
}

#[test]
fn only_the_rung_that_failed_is_waited_for() {
    let start = Instant::now();
    let mut slots = [Slot::new(camera(&[1500, 500, 150]))];
    give(start, 1800, &mut slots);
    let places = give(start + Duration::from_secs(1), 310, &mut slots);
    assert_eq!(shown(&slots, &places), "1.1");
    let places = give(start + Duration::from_secs(5), 600, &mut slots);
    assert_eq!(
        shown(&slots, &places),
        "1.2",
        "with less than 40 % to spare"
    );
    let places = give(start + Duration::from_secs(6), 1800, &mut slots);
    assert_eq!(shown(&slots, &places), "0.1", "not yet");
}

#[test]
fn the_quietest_are_silenced_first_and_come_back_when_there_is_room() {
    let voice = |loudness, is_silenced| Voice {
        bitrate_bps: 40_000,
        loudness,
        is_silenced,
    };
    let three = [voice(60, false), voice(90, false), voice(30, false)];
    assert_eq!(audible(130_000, &three), [true, true, true]);
    assert_eq!(audible(100_000, &three), [true, true, false]);
    assert_eq!(audible(50_000, &three), [false, true, false]);
    assert_eq!(
        audible(10_000, &three),
        [false, true, false],
        "the loudest stays"
    );
    let one_off = [voice(60, true), voice(90, false), voice(30, true)];
    assert_eq!(audible(85_000, &one_off), [false, true, false]);
    assert_eq!(audible(100_000, &one_off), [true, true, false]);
}

fn any_ladder(random: &mut Random) -> Vec<Rung> {
    let count = random.next() % 4;
    let rates: Vec<u64> = (0..count).map(|_| 1 + random.next() % 3000).collect();
    ladder(&layers(&rates), random.next().is_multiple_of(2))
}

fn any_slots(random: &mut Random) -> Vec<Slot> {
    let count = random.next() % 10;
    let slots = (0..count).map(|_| Slot {
        is_stage: random.next().is_multiple_of(5),
        ..Slot::new(any_ladder(random))
    });
    slots.collect()
}

#[test]
fn never_more_than_there_is_and_in_the_end_all_that_fits() {
    let mut random = Random::new(5);
    for round in 0..500 {
        let mut slots = any_slots(&mut random);
        let mut now = Instant::now();
        for _ in 0..10 {
            let kbps = random.next() % 12_000;
            let places = give(now, kbps, &mut slots);
            let used = spent(&slots, &places);
            assert!(used <= kbps * KBPS, "round {round}: {used} of {kbps}");
            now += LONGEST_PATIENCE;
            let settled = give(now, kbps, &mut slots);
            now += Duration::from_millis(random.next() % 30_000);
            let left = less(kbps * KBPS, SPARE_PERCENT);
            let left = left.saturating_sub(spent(&slots, &settled));
            for (slot, place) in slots.iter().zip(&settled) {
                let next = slot.ladder.get(place.map_or(0, |rung| rung + 1));
                let more = next.map(|next| next.bitrate_bps - cost(&slot.ladder, *place));
                let fits = more.is_some_and(|more| more <= left);
                assert!(!fits, "round {round}: {more:?} more of {left} would fit");
            }
        }
    }
}

#[test]
fn a_ladder_rises_in_quality_and_in_price() {
    let mut random = Random::new(6);
    for _ in 0..500 {
        for pair in any_ladder(&mut random).windows(2) {
            assert!(pair[1].is_better_than((pair[0].layer, pair[0].temporal)));
            assert!(pair[1].bitrate_bps > pair[0].bitrate_bps);
        }
    }
}

#[test]
fn the_stage_is_never_worse_off_than_with_a_tile_more() {
    let mut random = Random::new(7);
    for _ in 0..500 {
        let mut slots = any_slots(&mut random);
        for slot in &mut slots {
            slot.is_stage = false;
        }
        let stage = any_ladder(&mut random);
        let kbps = random.next() % 8_000;
        let mut alone = [Slot::new(stage.clone()).on_stage()];
        slots.push(Slot::new(stage.clone()).on_stage());
        let now = Instant::now();
        let with_tiles = give(now, kbps, &mut slots).pop().flatten();
        let alone = give(now, kbps, &mut alone)[0];
        let decent = ladder::decent(&stage);
        let owed = alone.map(|rung| rung.min(decent.saturating_sub(1)));
        assert!(with_tiles >= owed, "{with_tiles:?} of {alone:?}");
    }
}
