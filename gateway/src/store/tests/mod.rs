//! What the store promises, kept by both engines: one list of tests, run on SQLite one by one and on a real PostgreSQL
//! server all in one go (starting a server for each would take most of the time).

mod alarms;
mod backups;
mod batches;
mod cases;
mod checkpoints;
mod fixture;
mod history;
mod migrations;
mod model;
mod notices;
mod outboxes;
mod people;
mod queries;
mod registry;
mod rosters;
mod rules;
mod server;

use std::{panic::AssertUnwindSafe, sync::Arc};

use fixture::Fixture;
use futures_util::{FutureExt as _, future::LocalBoxFuture};
use server::Server;

use super::{Actor, BatchCommit, CaseFilter, JournalId, Scope, Store, StoreConfig};

/// A test by its name.
type Test = (&'static str, fn(Fixture) -> LocalBoxFuture<'static, ()>);

/// What only a server can do to us.
const ON_A_SERVER: [Test; 2] = [
    ("a_broken_connection_is_replaced_and_nothing_is_lost", |fixture| {
        Box::pin(batches::a_broken_connection_is_replaced_and_nothing_is_lost(fixture))
    }),
    ("a_database_in_use_is_not_covered_up", |fixture| Box::pin(backups::a_database_in_use_is_not_covered_up(fixture))),
];

macro_rules! on_every_engine {
    ($($module:ident :: $test:ident),+ $(,)?) => {
        mod sqlite {
            $(
                #[tokio::test]
                async fn $test() {
                    super::$module::$test(super::Fixture::sqlite()).await;
                }
            )+
        }

        #[tokio::test]
        async fn postgres_keeps_every_promise_of_the_list() {
            let tests: Vec<Test> =
                vec![$((stringify!($test), |fixture| Box::pin($module::$test(fixture)))),+];
            let tests = tests.into_iter().chain(ON_A_SERVER);
            let server = Server::start().await;
            let mut failed = Vec::new();
            for (name, test) in tests {
                let started = std::time::Instant::now();
                let fixture = server.database(name).await;
                if AssertUnwindSafe(test(fixture)).catch_unwind().await.is_err() {
                    failed.push(name);
                }
                println!("{name}: {:.2} s", started.elapsed().as_secs_f64());
            }
            assert!(failed.is_empty(), "failed on PostgreSQL: {failed:?}");
        }
    };
}

on_every_engine!(
    batches::a_committed_batch_is_there_after_a_crash,
    batches::one_gateway_writes_and_the_command_line_beside_it,
    batches::an_equal_time_makes_the_later_arrival_the_latest,
    batches::a_refused_batch_changes_nothing,
    batches::a_settled_batch_is_stored_once,
    batches::an_alarm_goes_on_after_a_restart,
    batches::a_rule_has_one_open_alarm_on_a_device,
    batches::racing_writers_cannot_open_an_alarm_twice,
    batches::a_flood_in_one_batch_is_what_the_same_steps_are_one_by_one,
    batches::shelves_and_service_go_on_after_a_restart,
    alarms::similar_alarms_tell_how_they_ended,
    alarms::figures_count_what_happened_in_the_scope,
    alarms::a_list_is_narrowed_by_severity_site_and_rule,
    alarms::past_alarms_are_found_by_words_and_days,
    rules::another_wording_is_another_version,
    rules::a_rule_is_tried_on_what_is_stored,
    rules::an_amended_rule_is_a_version_of_its_own_and_can_be_taken_back,
    rules::who_may_not_amend_does_not,
    rules::a_nameplate_of_then_is_known,
    cases::an_alarm_of_severity_one_is_somebodys_work_at_once,
    cases::people_who_are_trapped_again_are_not_taken_for_freed,
    cases::a_refused_alarm_leaves_no_case,
    cases::a_case_goes_its_way_and_a_repeated_key_changes_nothing,
    cases::a_flood_of_severity_one_is_as_many_cases_as_devices,
    cases::a_case_of_one_person_is_known_as_such,
    cases::an_alarm_is_in_one_open_case,
    cases::nobody_sees_or_changes_cases_beyond_their_jurisdiction,
    cases::a_case_has_a_bounded_number_of_photos,
    cases::what_is_overdue_is_told_once_through_crashes,
    cases::an_unanswered_alarm_climbs_until_somebody_answers,
    cases::the_colleagues_of_those_on_duty_hear_of_it_when_nobody_answers,
    cases::a_clock_that_is_set_moves_no_deadline,
    cases::thousands_of_alarms_climb_and_none_is_forgotten,
    rosters::who_is_on_duty_is_known_and_holes_are_shown,
    rosters::a_roster_is_written_by_its_own_post_and_by_the_centre,
    checkpoints::portions_come_back_and_the_batches_since,
    checkpoints::the_journal_is_kept_as_far_as_a_replay_needs_it,
    checkpoints::a_damaged_portion_is_passed_over,
    model::the_store_answers_as_a_list_would,
    history::readings_are_the_same_before_and_after_sealing,
    history::buckets_are_the_same_wherever_the_readings_are,
    history::a_long_tail_becomes_several_chunks,
    history::the_journal_is_trimmed_behind_the_slowest_series,
    history::a_crash_between_seal_and_trim_doubles_nothing,
    history::a_damaged_journal_row_is_passed_over_and_counted,
    history::nobody_sees_beyond_their_jurisdiction,
    notices::what_people_have_to_be_told_is_committed_with_what_made_it_true,
    notices::a_delivery_waits_until_its_outcome_is_noted,
    notices::who_refused_it_does_not_count_as_told,
    notices::who_was_told_is_seen_by_whom_it_concerns,
    notices::people_say_where_they_are_reached,
    notices::a_persons_quiet_hours_go_with_what_waits_for_them_but_while_they_are_on_duty,
    notices::what_is_over_before_it_was_told_calls_nobody_unless_it_comes_back,
    notices::what_is_set_aside_before_it_was_told_calls_nobody_until_it_calls_again,
    notices::receipts_are_kept_for_their_time_and_what_waits_stays,
    alarms::the_latest_calls_are_there_for_a_new_process,
    outboxes::numbers_are_committed_with_their_readings_or_not_at_all,
    outboxes::a_settled_batch_counts_its_numbers_once,
    outboxes::a_restore_begins_a_new_history,
    outboxes::a_node_with_new_disks_again_and_again_does_not_grow,
    outboxes::committed_numbers_survive_folds_and_crashes,
    outboxes::the_ledger_adds_up_and_is_scoped,
    outboxes::what_is_lost_is_counted_once_and_without_what_is_stored,
    people::a_session_yields_the_scope_of_its_account,
    people::a_session_ends_by_time_and_by_change,
    people::a_name_is_taken_in_whatever_case,
    people::passwords_end_other_sessions,
    people::only_administrators_manage_people,
    people::the_audit_log_only_grows_and_is_chained,
    migrations::data_of_every_earlier_schema_is_kept,
    queries::readings_come_in_order_of_time_page_by_page,
    queries::what_is_sealed_between_two_pages_is_neither_lost_nor_doubled,
    queries::a_thinned_history_keeps_what_stands_out,
    queries::states_are_told_from_readings_on_either_side,
    queries::everybody_takes_away_their_own,
    backups::a_backup_beside_a_writer_is_whole_and_comes_back,
    backups::a_check_names_what_is_damaged,
    registry::rows_come_back_and_references_are_checked,
    registry::what_is_removed_can_be_put_again,
    registry::only_the_registry_manager_sees_discovered_devices,
);

#[tokio::test]
async fn sqlite_files_are_whole_at_any_moment() {
    batches::what_is_on_disk_at_any_moment_is_enough(Fixture::sqlite()).await;
}

#[tokio::test]
async fn sqlite_answers_as_a_list_would_through_other_sequences() {
    model::more_runs().await;
}

#[tokio::test]
async fn sqlite_files_are_checked_to_the_byte() {
    backups::a_flipped_byte_is_found_and_named(Fixture::sqlite()).await;
}

/// Request handlers move between threads: what they wait for must too. Never run, only compiled.
#[expect(dead_code, reason = "compiling it is the test")]
fn every_promise_can_be_awaited_on_any_thread(store: &Store, scope: &Scope, batch: Arc<BatchCommit>) {
    fn check<T>(_: impl Future<Output = T> + Send) {}
    let (at, actor) = (fixture::START, Actor::Person(scope));
    check(Store::open(&StoreConfig::default(), std::path::Path::new("/")));
    check(store.load_start());
    check(store.commit_batch(Arc::clone(&batch)));
    check(store.settle_batch(JournalId(1), batch));
    check(store.seal_due(at));
    check(store.merge_chunks(at));
    check(store.fold_outboxes());
    check(store.new_epoch());
    check(store.ledger(scope, None, at..at));
    check(store.alarm_quality(scope, None, at..at));
    check(store.import(actor, fixture::district(), at));
    check(store.session(&fixture::token(1), at));
    check(store.users(actor));
    check(store.discovered(scope));
    check(store.check_audit_log());
    check(store.watch_duty(at));
    check(store.on_duty(at));
    check(store.cases(scope, &CaseFilter::default(), at));
}
