//! The cause of an alarm in words and numbers, in both languages.

use std::collections::HashSet;

use super::{
    anomaly::Vigilance,
    evaluation::Evaluation,
    plan::Watch,
    program::{Alternative, ProgramKind},
};
use crate::{
    profile::{
        Metric, Test,
        wording::{compared, duration, fixed, joined, lasting, shortest, stated, titled, with_unit},
    },
    reading::Value,
    text::Text,
};

impl Evaluation<'_> {
    /// Why the alarm is raised: what is the case, and for how long it had to be.
    pub(super) fn raised_cause(&self, watch: &Watch, alternative: usize) -> Text {
        let (profile, _) = self.engine.rule_of(watch);
        match &watch.program.kind {
            ProgramKind::Values { any, .. } => {
                let Alternative { places, for_ms, .. } = &any[alternative];
                let is_alone = places.len() == 1;
                let facts = places.clone().filter_map(|place| {
                    let metric = profile.metric(&watch.program.metrics[place])?;
                    if let Some(other) = watch.program.minus.get(place).copied().flatten() {
                        return self.differing(watch, place, other, metric);
                    }
                    let latest = self.series(watch.series[place]?).latest.as_ref()?;
                    Some(compared(metric, &latest.value, &watch.program.tests[place], is_alone))
                });
                lasting(joined(facts), *for_ms)
            }
            ProgramKind::Stale { after_ms, .. } => {
                let online_since = self.link(watch.slot).since;
                let stale = after_ms.iter().enumerate().filter_map(|(place, &after_ms)| {
                    let fresh_at = self.series(watch.series[place]?).fresh_at.max(online_since);
                    let metric = profile.metric(&watch.program.metrics[place])?;
                    let (zh, en) = duration(after_ms);
                    (fresh_at.plus_ms(after_ms) <= self.now.mono).then(|| {
                        Text::new(
                            format!("{}：{zh}无有效读数", metric.title.zh),
                            format!("{}: no usable reading for {en}", metric.title.en),
                        )
                    })
                });
                joined(stale)
            }
            ProgramKind::Due { steps } => match steps[alternative].1.days_before {
                0 => Text::new("已过期", "run out"),
                days => Text::new(format!("{days} 天内到期"), format!("runs out within {days} days")),
            },
            ProgramKind::Rate { over_ms } => self.moving(watch, *over_ms),
            ProgramKind::Anomaly(vigilance) => {
                lasting(self.unlike_its_past(watch, *vigilance), watch.program.on_delay_ms)
            }
            ProgramKind::Stuck { after_ms, .. } => lasting(self.stated_case(watch, 0), *after_ms),
            ProgramKind::Expression { all, .. } => {
                lasting(joined(all.clone().map(|place| self.stated_case(watch, place))), watch.program.on_delay_ms)
            }
            ProgramKind::Offline { .. } => {
                let for_ms = self.silence_stated_ms(watch, watch.severity_of(alternative));
                let silent = lasting(Text::new("无数据连接", "no data connection"), for_ms);
                joined([silent].into_iter().chain(self.unwatched(watch.slot)))
            }
        }
    }

    /// `Outlet − Return: 26.0 °C > 20 °C`, either way round.
    fn differing(&self, watch: &Watch, place: usize, other: usize, metric: &Metric) -> Option<Text> {
        let (profile, _) = self.engine.rule_of(watch);
        let other_metric = profile.metric(&watch.program.metrics[other])?;
        let difference = self.difference(watch, place, other)?;
        let fact = compared(metric, &Value::Float(difference), &watch.program.tests[place], true);
        let names = |one: &str, other: &str| format!("{one} − {other}");
        Some(Text::new(
            format!("{}：{}", names(&metric.title.zh, &other_metric.title.zh), fact.zh),
            format!("{}: {}", names(&metric.title.en, &other_metric.title.en), fact.en),
        ))
    }

    /// `9.1 °C, moving by more than 5 °C/min`.
    fn moving(&self, watch: &Watch, over_ms: u64) -> Text {
        let (profile, _) = self.engine.rule_of(watch);
        let Some(metric) = profile.metric(&watch.program.metrics[0]) else { return Text::default() };
        let Test::Outside { low, high, .. } = watch.program.tests[0] else { return self.stated_case(watch, 0) };
        let limit = |number: f64| with_unit(&shortest(number), metric);
        let (zh, en) = match (low.is_finite(), high.is_finite()) {
            (true, true) if (low + high).abs() > f64::EPSILON => (
                format!("每分钟升 {} 或降 {} 以上", limit(high), limit(-low)),
                format!("rising by {} or falling by {} a minute, or more", limit(high), limit(-low)),
            ),
            (_, true) if !low.is_finite() => {
                (format!("每分钟升 {} 以上", limit(high)), format!("rising by {} a minute, or more", limit(high)))
            }
            (true, false) => {
                (format!("每分钟降 {} 以上", limit(-low)), format!("falling by {} a minute, or more", limit(-low)))
            }
            _ => (format!("每分钟变化 {} 以上", limit(high)), format!("moving by {} a minute, or more", limit(high))),
        };
        let now = self.stated_case(watch, 0);
        let (over_zh, over_en) = duration(over_ms);
        Text::new(format!("{}，{over_zh}内{zh}", now.zh), format!("{}, {en}, over {over_en}", now.en))
    }

    /// `6.2 °C on average over 5 min, 3.1 °C above what this hour of day usually is`.
    fn unlike_its_past(&self, watch: &Watch, vigilance: Vigilance) -> Text {
        let (profile, _) = self.engine.rule_of(watch);
        let metric = profile.metric(&watch.program.metrics[0]);
        let Some((metric, strange)) = metric.zip(self.strangeness(watch)) else { return self.stated_case(watch, 0) };
        let words = strange.finding.words(&metric.unit, metric.decimals.into());
        let mean = with_unit(&fixed(strange.finding.value, metric.decimals), metric);
        let (over_zh, over_en) = duration(vigilance.every_ms.cast_unsigned());
        titled(
            &metric.title,
            &Text::new(
                format!("{over_zh}均值 {mean}，{}", words.zh),
                format!("{mean} on average over {over_en}, {}", words.en),
            ),
        )
    }

    /// What one of a rule's tests found, as it is: `Service mode: inspection`.
    pub(super) fn stated_case(&self, watch: &Watch, place: usize) -> Text {
        let (profile, _) = self.engine.rule_of(watch);
        let metric = profile.metric(&watch.program.metrics[place]);
        let latest = watch.series[place].and_then(|series| self.series(series).latest.as_ref());
        metric.zip(latest).map(|(metric, latest)| stated(metric, &latest.value, false)).unwrap_or_default()
    }

    /// What is the case now that the condition has gone.
    pub(super) fn returned_cause(&self, watch: &Watch) -> Text {
        let (profile, _) = self.engine.rule_of(watch);
        match &watch.program.kind {
            ProgramKind::Values { any, .. } => {
                let mut places: Vec<usize> = any.iter().flat_map(|way| way.places.clone()).collect();
                let mut named = HashSet::new();
                places.retain(|&place| named.insert(&watch.program.metrics[place]));
                let is_alone = places.len() == 1;
                joined(places.into_iter().filter_map(|place| {
                    let metric = profile.metric(&watch.program.metrics[place])?;
                    let latest = self.series(watch.series[place]?).latest.as_ref()?;
                    Some(stated(metric, &latest.value, is_alone))
                }))
            }
            ProgramKind::Rate { .. } | ProgramKind::Anomaly(_) | ProgramKind::Stuck { .. } => {
                self.stated_case(watch, 0)
            }
            ProgramKind::Expression { all, .. } => joined(all.clone().map(|place| self.stated_case(watch, place))),
            ProgramKind::Due { .. } => Text::new("已更新", "renewed"),
            ProgramKind::Stale { .. } => Text::new("读数已恢复", "readings are back"),
            ProgramKind::Offline { .. } => Text::new("已恢复在线", "online again"),
        }
    }
}
