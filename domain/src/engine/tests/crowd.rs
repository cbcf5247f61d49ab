//! Very much is due at the same moment.

use super::*;

const FRIDGES: u32 = 600;

/// All of them too warm for as long as it takes, less a millisecond.
fn warm() -> Bench {
    let mut bench = Bench::new();
    let name = |number: u32| format!("many-{number}");
    let fridges = (0..FRIDGES).map(|number| device(&name(number), "fridge", &[]));
    bench.engine.set_registry(registry(devices().into_iter().chain(fridges).collect()), bench.now);
    let series = |number: u32| SeriesId(100 + number);
    for number in 0..FRIDGES {
        let device = DeviceId::new(name(number)).unwrap();
        bench.engine.bind_series(series(number), device, MetricName::new("temperature").unwrap());
    }
    assert_eq!(bench.links(&[("node-1", Link::Online)]), QUIET);
    let readings: Vec<_> = (0..FRIDGES).map(|number| bench.reading(series(number), 20.0)).collect();
    assert_eq!(bench.play(&Input { readings: &readings, ..Input::default() }), QUIET);
    bench.move_to(bench.now.mono.plus_ms(30_000));
    bench
}

fn raised(bench: &mut Bench, input: &Input<'_>) -> usize {
    let outcome = bench.engine.evaluate(input, bench.now);
    bench.engine.apply(outcome.delta);
    outcome.transitions.iter().filter(|transition| transition.rule.as_str() == "HIGH").count()
}

#[test]
fn timers_alone_come_in_portions_and_all_of_them_come() {
    let mut bench = warm();
    let mut portions = Vec::new();
    while bench.engine.is_crowded(bench.now.mono) {
        portions.push(raised(&mut bench, &Input::default()));
    }
    assert!(portions.len() >= 2 && portions.iter().all(|&portion| portion <= 50), "{portions:?}");
    portions.push(raised(&mut bench, &Input::default()));
    assert_eq!(portions.iter().sum::<usize>(), FRIDGES as usize);
}

#[test]
fn what_is_read_is_judged_after_all_that_was_due_before() {
    let mut bench = warm();
    // It was too warm for long enough, although it is not any more.
    let reading = bench.reading(SeriesId(100 + FRIDGES - 1), 4.0);
    assert_eq!(raised(&mut bench, &Input { readings: &[reading], ..Input::default() }), FRIDGES as usize);
}
