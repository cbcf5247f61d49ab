//! The outbox against a plain list: whatever is pushed, acknowledged, killed, cut and reopened.

use std::collections::{BTreeMap, BTreeSet};

use domain::{
    id::MetricName,
    reading::Value,
    time::{MonoMs, Now, UnixMs},
};
use proptest::prelude::*;
use protocol::sparkplug::outbox::{Acknowledgement, Incarnation, Insertion, Numbers, StoreEpoch, Why};

use super::*;

const LIMITS: Limits =
    Limits { max_bytes: 1 << 20, max_age_ms: 1_000_000, keep_committed_ms: 100_000, flush_ms: 1_000 };
const WALL: i64 = 1_790_000_000_000;

fn at(mono_ms: u64) -> Now {
    Now { wall: UnixMs(WALL + mono_ms.cast_signed()), mono: MonoMs(mono_ms) }
}

fn content(number: i64) -> Content {
    let device = DeviceId::new(format!("device-{}", number % 3)).unwrap();
    let sample = |index: i64| {
        let metric = MetricName::new(format!("metric-{index}")).unwrap();
        Sample::good(metric, UnixMs(WALL + number), Value::Int(number + index))
    };
    Content::Samples { device: Some(device), samples: (0..=number % 3).map(sample).collect() }
}

fn open(disk: &FakeDisk, limits: Limits, boot: u128, now: Now) -> Outbox {
    Outbox::open(Box::new(disk.clone()), limits, boot, Incarnation(7), now).unwrap()
}

/// Flushes as the agent does each second.
fn tick(outbox: &mut Outbox, now: Now) -> Vec<Entry> {
    let (reports, flush) = outbox.tick(now);
    if let Some(flush) = flush {
        outbox.flushed(&flush());
    }
    reports
}

fn gaps(entries: &[Entry]) -> Vec<Gap> {
    let gap = |entry: &Entry| match &entry.content {
        Content::Gap(gap) => Some(*gap),
        Content::Samples { .. } => None,
    };
    entries.iter().filter_map(gap).collect()
}

fn backlog(outbox: &mut Outbox, now: Now) -> Vec<Entry> {
    std::iter::from_fn(|| outbox.next_backlog(u64::MAX, now)).collect()
}

fn seqs(entries: &[Entry]) -> Vec<u64> {
    entries.iter().map(|entry| entry.seq.map_or(0, Seq::get)).collect()
}

fn told(epoch: u128, through: u64) -> Acknowledgement {
    Acknowledgement { store_epoch: StoreEpoch(epoch), incarnation: Incarnation(7), through, ranges: Vec::new() }
}

#[test]
fn what_was_kept_is_there_after_a_kill_and_numbers_go_on() {
    let disk = FakeDisk::default();
    let mut outbox = open(&disk, LIMITS, 1, at(0));
    let kept: Vec<Entry> = (0..5).map(|number| outbox.push(content(number), at(0))).collect();
    assert_eq!(seqs(&kept), [1, 2, 3, 4, 5]);
    drop(outbox);
    let mut outbox = open(&disk, LIMITS, 1, at(9));
    assert_eq!(backlog(&mut outbox, at(9)), kept);
    assert_eq!((outbox.depth(), outbox.produced_count(), outbox.gap_count()), (5, 9, 0));
    assert_eq!(seqs(&[outbox.push(content(5), at(9))]), [6]);
    assert_eq!(tick(&mut outbox, at(9)), [], "nothing is lost");
}

#[test]
fn a_power_cut_never_gives_a_number_twice_and_is_reported() {
    let disk = FakeDisk::default();
    let mut outbox = open(&disk, LIMITS, 1, at(0));
    outbox.push(content(0), at(0));
    tick(&mut outbox, at(0));
    outbox.push(content(1), at(5));
    disk.cut_power(0, false);
    let mut outbox = open(&disk, LIMITS, 2, at(0));
    let read = backlog(&mut outbox, at(60));
    let [gap] = gaps(&read)[..] else { panic!("{read:?}") };
    assert_eq!((gap.first_seq, gap.readings, gap.at_most_ms, gap.why), (2, None, Some(2_000), Why::PowerCut));
    assert_eq!((gap.from_ms, gap.to_ms), (WALL, WALL));
    assert_eq!(seqs(&read), [1, gap.last_seq + 1], "the report has a number beyond all that may have been used");
    assert_eq!(seqs(&[outbox.push(content(1), at(60))]), [gap.last_seq + 2]);

    disk.cut_power(0, false);
    let mut outbox = open(&disk, LIMITS, 3, at(0));
    let read = backlog(&mut outbox, at(60));
    assert_eq!(gaps(&read).len(), 2, "the report of the first cut survives the second");
    outbox.close(at(70));
    let mut outbox = open(&disk, LIMITS, 4, at(0));
    assert_eq!(backlog(&mut outbox, at(0)), read, "it was closed in good order");
}

#[test]
fn a_torn_end_is_cut_off_and_reported() {
    let disk = FakeDisk::default();
    let mut outbox = open(&disk, LIMITS, 1, at(0));
    let first = outbox.push(content(0), at(0));
    outbox.push(content(1), at(0));
    drop(outbox);
    disk.tear(3);
    let mut outbox = open(&disk, LIMITS, 1, at(0));
    let read = backlog(&mut outbox, at(0));
    let [gap] = gaps(&read)[..] else { panic!("{read:?}") };
    assert_eq!((gap.first_seq, gap.last_seq, gap.why), (2, 2, Why::Torn));
    assert_eq!(read[0], first);
    assert_eq!(seqs(&[outbox.push(content(2), at(0))]), [4]);
}

#[test]
fn damage_in_the_middle_costs_the_rest_of_its_segment_and_is_reported_once() {
    let disk = FakeDisk::default();
    let limits = Limits { max_bytes: 16 * 256, ..LIMITS };
    let mut outbox = open(&disk, limits, 1, at(0));
    for number in 0..40 {
        outbox.push(content(number), at(0));
    }
    disk.rot(1, 200);
    let read = backlog(&mut outbox, at(0));
    let reports = tick(&mut outbox, at(0));
    let [gap] = gaps(&reports)[..] else { panic!("{reports:?}") };
    assert_eq!(gap.why, Why::Corrupt);
    let expected: Vec<u64> = (1..=40).filter(|seq| !(gap.first_seq..=gap.last_seq).contains(seq)).collect();
    assert_eq!(seqs(&read), expected);
    assert_eq!(outbox.gap_count(), gap.last_seq - gap.first_seq + 1);
    outbox.acknowledge(&told(1, 0));
    assert_eq!(seqs(&backlog(&mut outbox, at(0))), [expected, vec![41]].concat());
    assert_eq!(tick(&mut outbox, at(0)), []);
}

#[test]
fn a_full_outbox_gives_up_the_oldest_and_reports_exactly_that() {
    let disk = FakeDisk::default();
    let limits = Limits { max_bytes: 4096, ..LIMITS };
    let mut outbox = open(&disk, limits, 1, at(0));
    for number in 0..300 {
        assert!(outbox.push(content(number), at(0)).seq.is_some());
        assert!(outbox.bytes() <= 4096);
    }
    // The report itself may displace something.
    let told = gaps(&[tick(&mut outbox, at(0)), tick(&mut outbox, at(0))].concat());
    assert!(told.iter().all(|gap| gap.why == Why::Full) && told.len() <= 2, "neighbours are one gap: {told:?}");
    let last = told.last().unwrap().last_seq;
    let readings: u64 = (0..last.cast_signed()).map(|number| content(number).readings()).sum();
    assert_eq!(told.iter().filter_map(|gap| gap.readings).sum::<u64>(), readings);
    assert_eq!((told[0].first_seq, outbox.gap_count()), (1, last));
    assert_eq!((told[0].from_ms, told.last().unwrap().to_ms), (WALL, WALL + last.cast_signed() - 1));
    let reports = told.len() as u64;
    assert_eq!(seqs(&backlog(&mut outbox, at(0))), (last + 1..=300 + reports).collect::<Vec<_>>());
}

#[test]
fn a_full_disk_gives_up_the_oldest_and_then_goes_on_without_numbers() {
    let disk = FakeDisk::default();
    let limits = Limits { max_bytes: 16 * 256, ..LIMITS };
    let mut outbox = open(&disk, limits, 1, at(0));
    for number in 0..30 {
        outbox.push(content(number), at(0));
    }
    disk.limit(Some(disk.used()));
    for number in 30..90 {
        assert!(outbox.push(content(number), at(0)).seq.is_some(), "{number}");
    }
    assert!(outbox.gap_count() > 30);
    // Somebody else takes what it gives up.
    disk.limit(Some(0));
    let unkept = outbox.push(content(90), at(0));
    assert_eq!((unkept.seq, unkept.content), (None, content(90)));
    disk.limit(None);
    assert_eq!(seqs(&[outbox.push(content(91), at(0))]), [91]);
    let reports = tick(&mut outbox, at(0));
    assert!(gaps(&reports).iter().all(|gap| gap.why == Why::Full) && !reports.is_empty());
}

#[test]
fn age_is_the_time_that_the_agent_ran_whatever_the_clock_says() {
    let disk = FakeDisk::default();
    let mut outbox = open(&disk, LIMITS, 1, at(0));
    outbox.push(content(0), at(0));
    let jumped = |mono_ms| Now { wall: UnixMs(WALL + 10_000_000_000), mono: MonoMs(mono_ms) };
    assert_eq!(tick(&mut outbox, jumped(1)), [], "ten years ahead is not old");
    outbox.push(content(1), at(3_600_000));
    assert_eq!(tick(&mut outbox, at(3_600_000 + 999_999)), []);
    outbox.close(at(3_600_000 + 999_999));
    let mut outbox = open(&disk, LIMITS, 1, at(0));
    let reports = tick(&mut outbox, at(1));
    let [gap] = gaps(&reports)[..] else { panic!("{reports:?}") };
    assert_eq!((gap.first_seq, gap.last_seq, gap.readings, gap.why), (1, 1, Some(1), Why::TooOld));
}

#[test]
fn committed_messages_are_kept_for_a_store_that_is_restored() {
    let disk = FakeDisk::default();
    let mut outbox = open(&disk, LIMITS, 1, at(0));
    outbox.push(content(0), at(0));
    outbox.push(content(1), at(3_600_000));
    assert_eq!(outbox.acknowledge(&told(1, 2)), Acknowledged::OtherStore);
    assert!(!outbox.has_backlog(u64::MAX));
    assert_eq!(outbox.acknowledge(&told(2, 1)), Acknowledged::OtherStore);
    assert_eq!(seqs(&backlog(&mut outbox, at(0))), [2]);
    assert_eq!(outbox.acknowledge(&told(3, 0)), Acknowledged::OtherStore);
    assert_eq!(seqs(&backlog(&mut outbox, at(0))), [1, 2]);
    outbox.acknowledge(&told(3, 2));
    assert_eq!(tick(&mut outbox, at(3_600_000 + 100_000)), [], "committed: nothing to report");
    assert_eq!(outbox.hello().floor.get(), 2);
}

#[test]
fn a_failed_flush_is_tried_again_and_gives_no_numbers_away() {
    let disk = FakeDisk::default();
    let mut outbox = open(&disk, LIMITS, 1, at(0));
    disk.fail_flushes(true);
    assert_eq!(outbox.push(content(0), at(0)).seq, None, "a number that a power cut could give twice is not given");
    disk.fail_flushes(false);
    assert_eq!(seqs(&[outbox.push(content(0), at(0))]), [1]);
    disk.fail_flushes(true);
    tick(&mut outbox, at(1));
    disk.fail_flushes(false);
    // The system says that all is well, and has forgotten what it could not write.
    assert_eq!(seqs(&[outbox.push(content(1), at(2))]), [2]);
    tick(&mut outbox, at(2));
    disk.cut_power(0, false);
    let mut outbox = open(&disk, LIMITS, 2, at(3));
    let read = backlog(&mut outbox, at(3));
    assert_eq!((seqs(&read)[0], &read[0].content), (2, &content(1)), "what came after is safe");
    let told = gaps(&tick(&mut outbox, at(4)));
    assert_eq!((told[0].first_seq, told[0].last_seq, told[0].why), (1, 1, Why::Corrupt), "and what is lost is told");
}

#[test]
fn what_waits_for_a_number_to_be_safe_does_not_wait_for_the_next_message() {
    let disk = FakeDisk::default();
    let mut outbox = open(&disk, LIMITS, 1, at(0));
    outbox.push(content(0), at(0));
    tick(&mut outbox, at(1));
    outbox.push(content(1), at(2));
    disk.cut_power(0, false);
    disk.fail_flushes(true);
    let mut outbox = open(&disk, LIMITS, 2, at(3));
    assert_eq!(gaps(&backlog(&mut outbox, at(3))), [], "the next cut could give its number again");
    disk.fail_flushes(false);
    tick(&mut outbox, at(4));
    outbox.rewind();
    assert_eq!(gaps(&backlog(&mut outbox, at(4))).len(), 1);
}

#[test]
fn no_hole_leads_to_a_number_that_is_not_safe() {
    let disk = FakeDisk::default();
    let mut outbox = open(&disk, LIMITS, 1, at(0));
    outbox.push(content(0), at(0));
    disk.tear(1);
    let mut outbox = open(&disk, LIMITS, 2, at(0));
    let first = seqs(&backlog(&mut outbox, at(0)));
    disk.fail_flushes(true);
    assert_eq!(outbox.push(content(1), at(0)).seq, None);
    disk.tear(1);
    let mut outbox = open(&disk, LIMITS, 3, at(0));
    outbox.acknowledge(&told(1, 0));
    assert_eq!(seqs(&backlog(&mut outbox, at(0))), first, "behind it is a hole, and the report of it");
}

#[test]
fn one_file_that_is_all_there_is_room_for_is_given_up_once_the_disk_is_well() {
    let disk = FakeDisk::default();
    let limits = Limits { max_bytes: 2048, ..LIMITS };
    let mut outbox = open(&disk, limits, 1, at(0));
    outbox.push(content(0), at(0));
    disk.fail_flushes(true);
    // No further file can be begun.
    let taken = std::iter::from_fn(|| outbox.push(content(1), at(1)).seq).count();
    assert!((30..100).contains(&taken), "{taken}");
    disk.fail_flushes(false);
    assert!(outbox.push(content(2), at(2)).seq.is_some());

    disk.fail_flushes(true);
    while outbox.push(content(1), at(3)).seq.is_some() {}
    disk.tear(1);
    disk.write_back();
    let mut outbox = open(&disk, limits, 2, at(4));
    disk.fail_flushes(false);
    assert!(outbox.push(content(2), at(5)).seq.is_some(), "nor does the report of what was torn wait for ever");
}

#[test]
fn what_the_disk_does_not_take_and_nobody_hears_is_reported() {
    let disk = FakeDisk::default();
    let mut outbox = open(&disk, LIMITS, 1, at(0));
    outbox.push(content(0), at(0));
    disk.limit(Some(0));
    for number in 1..4 {
        let entry = outbox.push(content(number), at(0));
        assert_eq!(entry.seq, None);
        outbox.lose_unkept(&entry.content);
    }
    assert_eq!(tick(&mut outbox, at(1)), [], "there is no room for the report either");
    disk.limit(None);
    tick(&mut outbox, at(2));
    assert_eq!(outbox.push(content(4), at(3)).seq, Seq::new(outbox.next_number() - 1));
    drop(outbox);
    let mut outbox = open(&disk, LIMITS, 1, at(4));
    let told: Vec<Gap> = [gaps(&backlog(&mut outbox, at(4))), gaps(&tick(&mut outbox, at(5)))].concat();
    let unkept = told.last().unwrap();
    assert_eq!((unkept.last_seq - unkept.first_seq + 1, unkept.readings), (3, Some(2 + 3 + 1)), "{told:?}");
    assert_eq!((unkept.from_ms, unkept.to_ms, unkept.why), (WALL + 1, WALL + 3, Why::Full));
}

#[test]
fn what_a_host_without_acknowledgements_was_sent_is_kept_as_long_as_anything() {
    let disk = FakeDisk::default();
    let mut outbox = open(&disk, LIMITS, 1, at(0));
    let first = outbox.push(content(0), at(0)).seq.unwrap();
    outbox.push(content(1), at(3_600_000));
    outbox.note_sent(first);
    assert_eq!(tick(&mut outbox, at(3_600_000 + LIMITS.keep_committed_ms)), []);
    assert_eq!(outbox.hello().floor.get(), 1, "nobody has said that it is on any disk");
    let reports = tick(&mut outbox, at(3_600_000 + LIMITS.max_age_ms));
    let [gap] = gaps(&reports)[..] else { panic!("{reports:?}") };
    assert_eq!((gap.first_seq, gap.last_seq, gap.readings, gap.why), (1, 1, Some(1), Why::TooOld));
}

#[test]
fn a_store_that_went_back_hears_everything_since() {
    let disk = FakeDisk::default();
    let mut outbox = open(&disk, LIMITS, 1, at(0));
    (0..4).for_each(|number| drop(outbox.push(content(number), at(0))));
    outbox.hello();
    outbox.acknowledge(&told(1, 4));
    assert_eq!(backlog(&mut outbox, at(0)), []);
    // The database was copied back by hand: the same history, an older state.
    outbox.hello();
    outbox.acknowledge(&told(1, 2));
    assert_eq!(seqs(&backlog(&mut outbox, at(0))), [3, 4]);
}

#[test]
fn no_birth_says_that_nothing_is_missing_before_the_report_has_arrived() {
    let disk = FakeDisk::default();
    let limits = Limits { max_bytes: 4096, ..LIMITS };
    let mut outbox = open(&disk, limits, 1, at(0));
    outbox.acknowledge(&told(1, 0));
    (0..200).for_each(|number| drop(outbox.push(content(number), at(0))));
    assert_eq!(outbox.hello().floor.get(), 1, "not reported yet");
    let reports = tick(&mut outbox, at(0));
    let last = gaps(&reports)[0].last_seq;
    assert_eq!(outbox.hello().floor.get(), 1, "reported, and not heard");
    drop(outbox);
    let mut outbox = open(&disk, limits, 1, at(1));
    assert_eq!(outbox.hello().floor.get(), 1, "an agent that is killed remembers");
    let report = reports[0].seq.unwrap().get();
    let told = Acknowledgement { ranges: vec![(report, report)], ..told(1, 0) };
    outbox.acknowledge(&told);
    assert!(outbox.hello().floor.get() > last);
}

#[test]
fn everything_a_folder_holds_can_be_read_beside_the_agent() {
    let disk = FakeDisk::default();
    let mut outbox = open(&disk, Limits { max_bytes: 16 * 256, ..LIMITS }, 1, at(0));
    let kept: Vec<Entry> = (0..30).map(|number| outbox.push(content(number), at(0))).collect();
    let mut read = Vec::new();
    read_all(&disk, |entry| {
        read.push(entry);
        Ok(())
    })
    .unwrap();
    assert_eq!(read, kept);
}

#[derive(Debug, Clone)]
enum Step {
    Push(i64),
    Send,
    Acknowledge(u8),
    Tick,
    Kill,
    Tear(usize),
    CutPower(u8, bool),
    Close,
    Restore(u64),
    DiskFull(bool),
    FlushesFail(bool),
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        30 => (0_i64..1000).prop_map(Step::Push),
        10 => Just(Step::Send),
        8 => (0_u8..4).prop_map(Step::Acknowledge),
        5 => Just(Step::Tick),
        2 => Just(Step::Kill),
        1 => (1_usize..40).prop_map(Step::Tear),
        2 => any::<(u8, bool)>().prop_map(|(kept, is_spoilt)| Step::CutPower(kept, is_spoilt)),
        1 => Just(Step::Close),
        1 => (1_u64..50).prop_map(Step::Restore),
        1 => any::<bool>().prop_map(Step::DiskFull),
        1 => any::<bool>().prop_map(Step::FlushesFail),
        1 => (0_u64..4_000_000).prop_map(Step::Wait),
    ]
}

/// A host that keeps the first message under each number, and settles what it is told is lost.
#[derive(Default)]
struct Host {
    epoch: u128,
    numbers: Numbers,
    stored: BTreeMap<u64, Content>,
    /// What it noticed to be missing although nobody had reported it.
    unreported: BTreeSet<u64>,
}

impl Host {
    fn hear(&mut self, entry: &Entry) {
        let Some(seq) = entry.seq else { return };
        if self.numbers.insert(seq) == Insertion::New {
            self.stored.insert(seq.get(), entry.content.clone());
            if let Content::Gap(gap) = &entry.content {
                self.numbers.insert_all(gap.first_seq, gap.last_seq);
            }
        }
    }

    /// The node is born: what is below its floor and not accounted for is lost.
    fn greet(&mut self, outbox: &mut Outbox) {
        let floor = outbox.hello().floor;
        self.unreported.extend((1..floor.get()).filter(|number| !self.numbers.contains(Seq::new(*number).unwrap())));
        self.numbers.raise_floor(floor);
        self.acknowledge(outbox);
    }

    fn acknowledge(&self, outbox: &mut Outbox) {
        outbox.acknowledge(&self.numbers.acknowledgement(StoreEpoch(self.epoch), Incarnation(7), &[]));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

    /// At the end, whatever happened: the host has every message that was kept, exactly as it was, or a gap says that
    /// it is lost; and no number ever stood for two messages.
    #[test]
    fn every_message_arrives_or_is_reported(steps in prop::collection::vec(step(), 0..150), is_small: bool) {
        let limits = Limits { max_bytes: if is_small { 2048 } else { 1 << 20 }, ..LIMITS };
        let (disk, mut host, mut clock, mut boot) = (FakeDisk::default(), Host::default(), 0_u64, 1);
        let mut outbox = open(&disk, limits, boot, at(clock));
        let mut kept: BTreeMap<u64, Content> = BTreeMap::new();
        let (mut is_crashed, mut is_disk_full, mut is_restored) = (false, false, false);
        let note = |kept: &mut BTreeMap<u64, Content>, entries: &[Entry]| {
            for entry in entries {
                if let Some(seq) = entry.seq {
                    let former = kept.insert(seq.get(), entry.content.clone());
                    prop_assert_eq!(former, None, "number {} was given twice", seq);
                }
            }
            Ok(())
        };
        for step in steps {
            clock += 1;
            let now = at(clock);
            is_crashed |= matches!(step, Step::Kill | Step::Tear(_) | Step::CutPower(..));
            match step {
                Step::Push(number) => {
                    let entry = outbox.push(content(number), now);
                    note(&mut kept, std::slice::from_ref(&entry))?;
                    // Fresh messages go out at once, also those that a power cut takes from the disk.
                    if number % 2 == 0 {
                        host.hear(&entry);
                    }
                }
                Step::Send => {
                    for _ in 0..5 {
                        if let Some(entry) = outbox.next_backlog(u64::MAX, now) {
                            host.hear(&entry);
                        }
                    }
                }
                Step::Acknowledge(0) => {
                    outbox.rewind();
                    host.greet(&mut outbox);
                }
                Step::Acknowledge(_) => host.acknowledge(&mut outbox),
                Step::Tick => note(&mut kept, &tick(&mut outbox, now))?,
                Step::Kill => {
                    disk.write_back();
                    outbox = open(&disk, limits, boot, now);
                }
                Step::Tear(bytes) => {
                    disk.tear(bytes);
                    disk.write_back();
                    // A file system that lost written bytes was not switched off in good order.
                    boot += 1;
                    outbox = open(&disk, limits, boot, now);
                }
                Step::CutPower(bytes, is_spoilt) => {
                    disk.cut_power(bytes, is_spoilt);
                    boot += 1;
                    outbox = open(&disk, limits, boot, now);
                }
                Step::Close => {
                    // A report for which there was no room is not told after the end either.
                    is_crashed |= is_disk_full;
                    outbox.close(now);
                    disk.write_back();
                    boot += 1;
                    outbox = open(&disk, limits, boot, now);
                }
                Step::Restore(through) => {
                    host.epoch += 1;
                    host.stored.retain(|seq, _| *seq < through);
                    host.unreported.retain(|seq| *seq < through);
                    host.numbers = Numbers::default();
                    for (seq, content) in &host.stored {
                        host.numbers.insert_all(*seq, *seq);
                        if let Content::Gap(gap) = content {
                            host.numbers.insert_all(gap.first_seq, gap.last_seq);
                        }
                    }
                    for seq in &host.unreported {
                        host.numbers.insert_all(*seq, *seq);
                    }
                    host.greet(&mut outbox);
                    is_restored = true;
                }
                Step::DiskFull(is_full) => {
                    is_disk_full = is_full;
                    disk.limit(is_full.then(|| disk.used()));
                }
                Step::FlushesFail(fail) => disk.fail_flushes(fail),
                Step::Wait(ms) => clock += ms,
            }
            prop_assert!(outbox.bytes() <= limits.max_bytes);
        }
        disk.limit(None);
        disk.fail_flushes(false);
        outbox.rewind();
        // In a small outbox a report displaces others, and the floor waits for what is reported: a birth is answered, and the
        // next one says it.
        for _ in 0..6 {
            host.greet(&mut outbox);
            note(&mut kept, &tick(&mut outbox, at(clock)))?;
            for entry in backlog(&mut outbox, at(clock)) {
                host.hear(&entry);
            }
            outbox.rewind();
        }
        let gaps: Vec<Gap> = host.stored.values().filter_map(|content| match content {
            Content::Gap(gap) => Some(*gap),
            Content::Samples { .. } => None,
        }).collect();
        for (seq, content) in &kept {
            if let Some(stored) = host.stored.get(seq) {
                prop_assert_eq!(stored, content);
                continue;
            }
            let is_told = gaps.iter().any(|gap| (gap.first_seq..=gap.last_seq).contains(seq));
            prop_assert!(is_told || host.unreported.contains(seq), "number {seq} is lost and nobody says so");
        }
        // Without a crash every loss is reported by the node, with times and reasons.
        prop_assert!(is_crashed || is_restored || host.unreported.is_empty(), "{:?} was not reported", host.unreported);
    }
}
