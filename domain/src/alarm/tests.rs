//! The machine, by every path a few inputs long.

use proptest::prelude::*;

use super::{
    AlarmInput::{self, Acknowledge, Recur, Reset, Resume, Return, Shelve, Step, Suppress, TakeOutOfService, Withdraw},
    AlarmRefusal,
    AlarmState::{self, Closed, OutOfService, Shelved, Suppressed},
    Nature, Severity, Standing, What,
};

const PLAIN: Nature = Nature { severity: Severity::II, is_latching: false };
const LATCHING: Nature = Nature { severity: Severity::II, is_latching: true };

fn input() -> impl Strategy<Value = AlarmInput> {
    prop_oneof![
        Just(Return),
        Just(Recur),
        (1..=4_u8).prop_map(|number| Step(Severity::from_u8(number).unwrap())),
        Just(Acknowledge),
        Just(Reset),
        Just(Shelve),
        Just(Suppress),
        Just(TakeOutOfService),
        Just(Resume),
        Just(Withdraw),
    ]
}

fn inputs() -> impl Strategy<Value = Vec<AlarmInput>> {
    prop::collection::vec(input(), 0..24)
}

/// One step of a play; a refused input leaves everything as it is.
#[derive(Debug, Clone, Copy)]
struct Played {
    input: AlarmInput,
    before: Standing,
    after: Standing,
    nature: Nature,
    what: Result<What, AlarmRefusal>,
}

/// Plays the inputs from the raising on.
fn play(nature: Nature, inputs: &[AlarmInput]) -> Vec<Played> {
    let (mut standing, mut nature) = (Standing::RAISED, nature);
    let mut step = |&input: &AlarmInput| {
        let before = standing;
        let what = standing.after(input, nature).map(|(after, what)| {
            standing = after;
            what
        });
        let played = Played { input, before, after: standing, nature, what };
        if let (Step(severity), Ok(_)) = (input, what) {
            nature.severity = severity;
        }
        played
    };
    inputs.iter().map(&mut step).collect()
}

fn end(nature: Nature, inputs: &[AlarmInput]) -> AlarmState {
    play(nature, inputs).last().map_or(Standing::RAISED.state, |step| step.after.state)
}

fn refusal(nature: Nature, inputs: &[AlarmInput]) -> AlarmRefusal {
    play(nature, inputs).last().unwrap().what.unwrap_err()
}

#[test]
fn it_closes_when_returned_and_acknowledged_in_either_order() {
    assert_eq!(end(PLAIN, &[Return, Acknowledge]), Closed);
    assert_eq!(end(PLAIN, &[Acknowledge, Return]), Closed);
    assert_eq!(end(PLAIN, &[Acknowledge]), AlarmState::ActiveAcknowledged);
}

#[test]
fn a_condition_that_comes_back_before_the_answer_belongs_to_the_same_alarm() {
    let steps = play(PLAIN, &[Return, Recur, Acknowledge, Return]);
    let whats: Vec<What> = steps.iter().map(|step| step.what.unwrap()).collect();
    assert_eq!(whats, [What::Returned, What::Reoccurred, What::Acknowledged, What::Returned]);
    assert_eq!(steps[3].after.state, Closed);
}

#[test]
fn what_latches_waits_for_a_reset_after_the_answer() {
    assert_eq!(end(LATCHING, &[Return]), AlarmState::LatchedUnacknowledged);
    assert_eq!(end(LATCHING, &[Acknowledge, Return]), AlarmState::LatchedAcknowledged);
    assert_eq!(end(LATCHING, &[Return, Acknowledge, Reset]), Closed);
    assert_eq!(end(LATCHING, &[Return, Acknowledge, Recur]), AlarmState::ActiveUnacknowledged);
    assert_eq!(refusal(LATCHING, &[Return, Reset]), AlarmRefusal::NotAcknowledged);
    assert_eq!(refusal(LATCHING, &[Acknowledge, Reset]), AlarmRefusal::StillActive);
    assert_eq!(refusal(PLAIN, &[Return, Reset]), AlarmRefusal::NotLatching);
}

#[test]
fn what_comes_from_the_shelf_is_as_its_condition_says() {
    assert_eq!(end(PLAIN, &[Acknowledge, Shelve, Resume]), AlarmState::ActiveUnacknowledged);
    assert_eq!(end(PLAIN, &[Shelve, Return, Resume]), Closed);
    assert_eq!(end(PLAIN, &[Shelve, Return, Recur, Resume]), AlarmState::ActiveUnacknowledged);
    assert_eq!(end(LATCHING, &[Shelve, Return, Resume]), AlarmState::LatchedUnacknowledged);
}

#[test]
fn what_becomes_worse_is_news_and_a_danger_to_life_leaves_the_shelf() {
    assert_eq!(end(PLAIN, &[Acknowledge, Step(Severity::I)]), AlarmState::ActiveUnacknowledged);
    assert_eq!(end(PLAIN, &[Acknowledge, Step(Severity::III)]), AlarmState::ActiveAcknowledged);
    assert_eq!(end(PLAIN, &[Shelve, Step(Severity::I)]), AlarmState::ActiveUnacknowledged);
    assert_eq!(end(PLAIN, &[Suppress, Step(Severity::I)]), Suppressed);
}

#[test]
fn out_of_service_goes_before_suppressed_and_suppressed_before_shelved() {
    assert_eq!(end(PLAIN, &[Shelve, Suppress, TakeOutOfService]), OutOfService);
    assert_eq!(refusal(PLAIN, &[TakeOutOfService, Suppress]), AlarmRefusal::SetAside);
    assert_eq!(refusal(PLAIN, &[Suppress, Shelve]), AlarmRefusal::SetAside);
}

proptest! {
    #[test]
    fn a_closed_alarm_never_changes(inputs in inputs(), is_latching: bool) {
        for step in play(Nature { is_latching, ..PLAIN }, &inputs) {
            if step.before.state == Closed {
                prop_assert_eq!(step.what, Err(AlarmRefusal::Closed));
            }
        }
    }

    #[test]
    fn a_refused_input_changes_nothing_and_an_accepted_one_something(inputs in inputs(), is_latching: bool) {
        for step in play(Nature { is_latching, ..PLAIN }, &inputs) {
            let is_stepped = matches!(step.input, Step(_));
            prop_assert_eq!(step.before != step.after || is_stepped && step.what.is_ok(), step.what.is_ok());
        }
    }

    #[test]
    fn it_closes_only_when_gone_and_answered_or_withdrawn_or_brought_back_without_its_condition(
        inputs in inputs(),
        is_latching: bool,
    ) {
        for step in play(Nature { is_latching, ..PLAIN }, &inputs) {
            if step.after.state != Closed || step.what.is_err() {
                continue;
            }
            match step.input {
                Withdraw => {}
                Return => prop_assert!(!is_latching && step.before.state == AlarmState::ActiveAcknowledged),
                Acknowledge => prop_assert!(!is_latching && step.before.state == AlarmState::ReturnedUnacknowledged),
                Reset => prop_assert!(is_latching && step.before.state == AlarmState::LatchedAcknowledged),
                Resume => prop_assert!(!is_latching && !step.before.is_active && step.before.state.is_set_aside()),
                Recur | Step(_) | Shelve | Suppress | TakeOutOfService => prop_assert!(false, "{step:?}"),
            }
        }
    }

    #[test]
    fn nobody_looks_away_from_a_danger_to_life(inputs in inputs(), is_latching: bool) {
        for step in play(Nature { is_latching, ..PLAIN }, &inputs) {
            let severity = match (step.input, step.what) {
                (Step(severity), Ok(_)) => severity,
                _ => step.nature.severity,
            };
            prop_assert!(severity != Severity::I || step.after.state != Shelved, "{:?}", step);
        }
    }

    #[test]
    fn what_is_set_aside_goes_on_being_judged(inputs in inputs(), is_latching: bool) {
        for step in play(Nature { is_latching, ..PLAIN }, &inputs) {
            if step.before.state.is_set_aside() && matches!(step.input, Return | Recur) {
                prop_assert_eq!(step.after.state, step.before.state);
                prop_assert_eq!(step.after.is_active, step.input == Recur);
            }
        }
    }

    #[test]
    fn the_state_never_contradicts_the_condition(inputs in inputs(), is_latching: bool) {
        for step in play(Nature { is_latching, ..PLAIN }, &inputs) {
            use AlarmState::{
                ActiveAcknowledged, ActiveUnacknowledged, LatchedAcknowledged, LatchedUnacknowledged,
                ReturnedUnacknowledged,
            };
            let Standing { state, is_active } = step.after;
            match state {
                ActiveUnacknowledged | ActiveAcknowledged => prop_assert!(is_active),
                ReturnedUnacknowledged => prop_assert!(!is_active && !is_latching),
                LatchedUnacknowledged | LatchedAcknowledged => prop_assert!(!is_active && is_latching),
                Shelved | Suppressed | OutOfService | Closed => {}
            }
        }
    }

    #[test]
    fn an_input_repeated_at_once_is_refused(inputs in inputs(), again in input(), is_latching: bool) {
        let nature = Nature { is_latching, ..PLAIN };
        let last = play(nature, &inputs).last().copied();
        let (standing, nature) = last.map_or((Standing::RAISED, nature), |step| match (step.input, step.what) {
            (Step(severity), Ok(_)) => (step.after, Nature { severity, ..nature }),
            _ => (step.after, step.nature),
        });
        if let Ok((next, _)) = standing.after(again, nature) {
            let nature = if let Step(severity) = again { Nature { severity, ..nature } } else { nature };
            prop_assert!(next.after(again, nature).is_err());
        }
    }
}
