//! What a node's messages hold, as readings under the district's series.

use domain::{
    id::{DeviceId, MetricName, SeriesId},
    reading::Reading,
    time::Now,
};
use metrics::counter;
use protocol::{
    rest::GapWhy,
    sparkplug::{
        host_session::Heard,
        outbox::{Gap, Seq},
    },
};

use super::{NEW_SERIES_MAX, Node, Outcome, Surroundings, Way, counted, is_of_the_gateway};
use crate::{
    ingest::{
        Blob, SeriesIndex,
        judge::{Judged, Telling, judge},
    },
    ledger::Lost,
    store::{DiscoveredBirth, OutboxId, OutboxProgress},
};

impl Node {
    #[expect(clippy::too_many_arguments, reason = "they are the parts of one event, and what it meets")]
    pub(super) fn data(
        &mut self,
        device: Option<&DeviceId>,
        metrics: &[Heard],
        number: Option<Seq>,
        gap: Option<Gap>,
        now: Now,
        around: &mut Surroundings<'_>,
        out: &mut Outcome,
    ) {
        let itself = self.address.node.as_device();
        let speaker = device.unwrap_or(&itself);
        out.figures.received_messages += 1;
        if device.is_some() && !self.may_speak_for(speaker, now, around.registry) {
            // It would come again for ever.
            out.figures.refused_readings += metrics.len() as u64;
        } else if device.is_none() || self.devices.contains_key(speaker) {
            let before = out.ingested.readings.len();
            self.read(Telling::Data, speaker, metrics, now, around, out);
            let reading_count = (out.ingested.readings.len() - before) as u64;
            return self.number(number, gap, reading_count, out);
        } else if around.registry.device(speaker).is_some() {
            // Refused at its birth, and since then registered to this node: it comes again after the next one.
            out.needs_rebirth = true;
            return;
        } else {
            out.figures.refused_readings += metrics.len() as u64;
        }
        self.number(number, gap, 0, out);
    }

    /// The message goes on under its number.
    pub(super) fn number(&self, number: Option<Seq>, gap: Option<Gap>, reading_count: u64, out: &mut Outcome) {
        let Some((number, incarnation)) = number.zip(self.outboxes.incarnation()) else { return };
        let outbox = OutboxId { node: self.address.node.clone(), incarnation };
        let progress = out.ingested.outbox.get_or_insert_with(|| OutboxProgress {
            outbox,
            floor: None,
            numbers: Vec::new(),
            reading_count: 0,
            gaps: Vec::new(),
        });
        progress.numbers.push(number);
        progress.reading_count += reading_count;
        progress.gaps.extend(gap);
    }

    pub(super) fn birth(
        &mut self,
        device: &DeviceId,
        is_numbered: bool,
        metrics: &[Heard],
        now: Now,
        around: &mut Surroundings<'_>,
        out: &mut Outcome,
    ) {
        if around.registry.device(device).is_none() {
            out.ingested.discovered.push(DiscoveredBirth {
                device: device.clone(),
                node: self.address.node.clone(),
                at: now.wall,
                metrics: metrics.iter().map(|metric| metric.name.clone()).collect(),
            });
        }
        let before = out.ingested.readings.len();
        self.read(Telling::Birth, device, metrics, now, around, out);
        let told = out.ingested.readings.split_off(before);
        if is_numbered {
            out.ingested.present.extend(told);
        } else if !told.is_empty() {
            for reading in &told {
                around.latest.take(reading);
            }
            out.figures.received_messages += 1;
            out.ingested.readings.extend(told);
        }
    }

    fn read(
        &mut self,
        telling: Telling,
        device: &DeviceId,
        metrics: &[Heard],
        now: Now,
        around: &mut Surroundings<'_>,
        out: &mut Outcome,
    ) {
        let is_itself = *device == self.address.node.as_device();
        let profile = around.registry.device(device).map(|device| &device.profile);
        out.ingested.readings.reserve(metrics.len());
        let mut timeless = 0;
        for heard in metrics {
            out.ingested.is_historical |= heard.is_historical;
            let way = self.way(device, is_itself, heard);
            if way == Way::Nowhere {
                continue;
            }
            match judge(heard, telling, profile, around.profiles, now.wall, self.behind.is_certain()) {
                Judged::Reading(event_time, value, quality) => {
                    let series = match way {
                        Way::Series(series) => series,
                        Way::Unknown | Way::Nowhere => {
                            let Some(series) = self.series(device, &heard.name, now, around.series) else {
                                out.figures.refused_readings += 1;
                                continue;
                            };
                            self.learn(device, is_itself, heard.place, Way::Series(series));
                            series
                        }
                    };
                    let reading = Reading { series, event_time, value, quality };
                    if telling == Telling::Birth && !around.latest.is_newer(&reading) {
                        continue;
                    }
                    if telling == Telling::Data {
                        around.latest.take(&reading);
                        if is_itself {
                            out.counters.extend(counted(heard, &reading));
                        }
                    }
                    out.ingested.readings.push(reading);
                }
                Judged::Nothing => {}
                Judged::Blob(at, bytes) => {
                    out.blobs.push(Blob { device: device.clone(), metric: heard.name.clone(), at, bytes });
                }
                Judged::Quarantined(why) => self.quarantine(device, &why, now, out),
                Judged::Timeless(why) => {
                    timeless += 1;
                    self.quarantine(device, &why, now, out);
                }
            }
        }
        if timeless > 0 {
            let (messages, readings) = (Some(1), Some(timeless));
            out.lost.push(Lost { why: GapWhy::Clock, messages, readings, from: now.wall, to: now.wall });
        }
    }

    fn quarantine(&mut self, device: &DeviceId, why: &str, now: Now, out: &mut Outcome) {
        counter!("gateway_readings_quarantined_total").increment(1);
        out.figures.refused_readings += 1;
        self.refuse(format!("{device}: {why}"), now);
    }

    /// Where a metric goes. Looked up by its name once a birth, then by its place in it.
    fn way(&mut self, device: &DeviceId, is_itself: bool, heard: &Heard) -> Way {
        let ways = if is_itself { Some(&self.ways) } else { self.devices.get(device) };
        let known = ways.and_then(|ways| ways.get(heard.place)).copied().unwrap_or_default();
        if known == Way::Unknown && is_of_the_gateway(&heard.name) {
            self.learn(device, is_itself, heard.place, Way::Nowhere);
            return Way::Nowhere;
        }
        known
    }

    fn learn(&mut self, device: &DeviceId, is_itself: bool, place: usize, way: Way) {
        let ways = if is_itself { Some(&mut self.ways) } else { self.devices.get_mut(device) };
        let Some(ways) = ways else { return };
        if ways.len() <= place {
            ways.resize(place + 1, Way::Unknown);
        }
        ways[place] = way;
    }

    /// The number of a series; None: the node has added too many.
    fn series(&mut self, device: &DeviceId, metric: &MetricName, now: Now, index: &SeriesIndex) -> Option<SeriesId> {
        if let Some(known) = index.find(device, metric) {
            return Some(known);
        }
        if self.new_series >= NEW_SERIES_MAX {
            self.refuse(format!("{device}: {metric} is one metric too many"), now);
            return None;
        }
        self.new_series += 1;
        Some(index.resolve(device, metric))
    }
}
