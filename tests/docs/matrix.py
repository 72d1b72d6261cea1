"""Which promise is held by which test: the table of docs/testing/COVERAGE_MATRIX.md, made from the tests themselves.

`python -m tests.docs.matrix` writes the page. A row names files, or tests in them; what is named must exist.
"""

from __future__ import annotations

import ast
from functools import cache

from tests.docs.pages import DOCS, ROOT

PAGE = DOCS / "testing" / "COVERAGE_MATRIX.md"
HEAD = """# What is promised, and which tests hold it

Each row is a promise, with the tests that fail when it is broken. `python -m tests.docs.matrix` makes this page from
the tests; a test compares the two. A file that is named alone counts with all of its tests; a test with many inputs
counts once.
"""

# promise -> tests, one for each line: a file below `tests/`, or `file::test`
MATRIX = {
    "The coordinator and its members": """
`AGENTSCoordinator` runs plans on the real engine
    integration/test_coordinator_integration.py
    scenario/test_coordinator.py
Basic execution
    integration/test_coordinator_integration.py::test_coordinator_basic_execution
Budget enforcement; 150 steps under smb stop at 100
    integration/test_coordinator_integration.py::test_coordinator_budget_enforcement
    integration/test_coordinator_integration.py::test_a_hundred_and_fifty_steps_under_smb_stop_at_a_hundred
Approval required, and really waited for
    integration/test_coordinator_integration.py::test_coordinator_approval_required
Budgets by profile: 200, 100, 500 calls
    integration/test_coordinator_integration.py::test_coordinator_profile_driven_budgets
    unit/orchestrator/test_profile_loader.py
Graceful degradation keeps what was done
    integration/test_coordinator_integration.py::test_coordinator_graceful_degradation
Golden signals from what happened
    integration/test_coordinator_integration.py::test_coordinator_golden_signals
    unit/projections/test_signals.py
Trace continuity over runs
    integration/test_coordinator_integration.py::test_coordinator_trace_continuity
One step by itself passes the same gate
    integration/test_coordinator_integration.py::test_one_tool_by_itself_passes_the_same_gate
The names that `cuga.orchestrator` exports
    integration/test_coordinator_integration.py::test_the_exports_are_there
    """,
    "A model that plans": """
Intent, call, outcome; what is reserved is settled, and what nobody knows stays taken
    unit/kernel/test_thinking.py
Every failure of a server leaves the plan to the rules, with the reason and the account
    scenario/test_model_plans.py
A process that ends at any moment: a durable reply is never asked for again
    scenario/test_model_crashes.py
216 planted orders and a model that obeys them all: no effect without a person
    scenario/test_injections.py
What stands in no goal and no record is marked
    unit/planning/test_by_model.py
What a registry says of models, and that nested files only tighten it
    unit/policy/test_models.py
Texts by a model: marked, checked, paid for once through any crash, and by the rules whenever it fails
    scenario/test_model_drafts.py
    unit/kernel/test_written.py
    unit/packs/sales/test_proving.py
A model that writes whatever notes tell it to: no way to be led away, every claim shown, nothing sent unseen
    scenario/test_obedient_writers.py
No name and no address of a person in what is sent, and everything back in what comes
    scenario/test_model_drafts.py::test_no_name_and_no_address_of_a_person_leaves_the_house
    unit/planning/test_masking.py
What people taught is heeded within a profile with its source, chooses no effect, and is forgotten
    scenario/test_lessons.py
    unit/planning/test_lessons.py
    unit/projections/test_lessons.py
    """,
    "The page": """
In a real browser: first run, decisions on another screen, live traces, a killed server, hostile texts, axe
    doors/test_page.py::test_a_story_of_the_page_holds
What comes over the wire is read once; hidden letters, look-alikes and exact bytes are found
    doors/test_page.py::test_readers_and_folds_of_the_page_hold
A wheel carries the page, an editable install needs no Node, a build without Node says so
    unit/test_page_build.py
No registry's address in the lock file
    doors/test_page.py::test_the_lock_names_no_registry
A window of its own takes its server along
    doors/test_cli_window.py
    """,
    "Watching": """
The same facts give the same spans with the same ids, wherever the fold begins anew; nobody is named
    unit/projections/test_telemetry.py
Spans are handed over at least once; a dead collector and a crash lose none, and no run waits
    unit/observability/test_exporter.py
    doors/test_watching.py::test_spans_arrive_though_the_collector_and_the_server_go_and_come
A real Prometheus scrapes the house, loads the rules and answers every panel
    doors/test_watching.py::test_a_real_prometheus_scrapes_the_house_and_loads_its_rules
Metrics, alerts, dashboard and their page are one list; labels do not grow without end
    unit/observability/test_deployed.py
A log line names no person, no goal, no argument and no secret
    unit/observability/test_log.py
    doors/test_watching.py::test_lines_tell_what_happened_and_nothing_of_whom_or_what
The doctor names each fault that is provoked, and what mends it
    doors/test_doctor.py
Once the stop button is confirmed nothing starts, on one machine and on several
    scenario/test_halting.py
    """,
    "The doors with many": """
What happens in a moment is encoded once and goes to all who watch as one message
    doors/test_http_live.py::test_what_a_run_does_in_a_moment_is_encoded_once_and_comes_together
Who takes no hints, or nothing at all, costs nobody anything
    doors/test_http_live.py::test_who_takes_no_hints_is_told_to_look_at_everything_instead
    doors/test_http_live.py::test_who_never_takes_what_is_sent_is_let_go
    doors/test_http_live.py::test_many_watch_a_run_some_never_read_and_it_takes_no_longer_for_that
Decisions at the same time over HTTP: exactly one wins
    doors/test_http_races.py
No request is answered with a server error
    doors/test_http_fuzz.py
How people oversaw the work in figures, evidence as a file, other rules held against the record
    doors/test_http_routes.py::test_oversight_counts_who_decided_what_in_a_time
    doors/test_http_routes.py::test_evidence_is_a_file_that_is_checked_offline
    doors/test_http_routes.py::test_other_rules_are_tried_by_an_admin_and_kept_in_the_shadow
An invitation is mailed where it can be, and its link works once
    scenario/test_notices.py::test_an_invitation_is_mailed_where_it_can_be_and_the_link_works_once
A paused schedule begins nothing and makes up for nothing
    scenario/test_timetable.py::test_a_paused_schedule_begins_nothing_and_makes_up_for_nothing_when_it_is_resumed
    """,
    "Lists": """
One call for each item, with its own intent, charge, key and end
    unit/kernel/test_lists.py::test_each_item_becomes_a_call_with_its_own_intent
    scenario/test_lists.py::test_one_card_for_all_and_one_deed_for_each
One card binds all of them; amending is another request
    unit/kernel/test_lists.py::test_one_request_lists_every_call_and_binds_their_exact_bytes
    unit/kernel/test_lists.py::test_an_amended_list_is_another_request_and_its_author_does_not_decide
    doors/test_cli_lists.py::test_one_card_lists_all_and_a_call_can_be_changed_or_taken_off
A process killed in the middle reaches nobody twice
    scenario/test_lists.py::test_a_process_killed_in_the_middle_of_a_list_reaches_nobody_twice
A budget that ends in the middle, a call in doubt, a denial lose no other call
    scenario/test_lists.py::test_a_budget_that_ends_in_the_middle_keeps_what_was_done
    scenario/test_lists.py::test_a_call_that_breaks_loses_no_other_and_waits_for_a_word
Goals that speak of many accounts, and those that cannot be told apart
    unit/planning/test_lists.py
    """,
    "Arguments of a wrong kind": """
The older names answer with our errors
    unit/orchestrator/test_wrong_kinds.py
    """,
    "Dry runs and replays": """
Whatever reaches out of a dry run is stopped, named, and has not happened
    scenario/test_dry_run.py::test_whatever_reaches_out_is_stopped_named_and_has_not_happened
The approvals of the real run are those that the dry run showed, to the digest
    scenario/test_dry_run.py::test_the_approvals_of_the_real_run_have_the_digests_that_were_shown
    scenario/test_dry_run.py::test_a_house_in_a_database_is_rehearsed_on_a_file
What is not as it was rehearsed is said: records, rules, tools
    scenario/test_dry_run.py::test_a_changed_record_shows
    scenario/test_dry_run.py::test_a_changed_rule_or_tool_shows
A run is decided again from its journal, and a forged decision is found
    unit/projections/test_replay.py
    doors/test_cli_trying.py::test_a_run_is_decided_again_and_its_states_have_hashes
Same journal, same states, on every version
    golden/test_golden.py
    """,
    "Many machines": """
One contract for the journal in memory, in a file and in Postgres, of the oldest version that will do and of a new one
    contract/test_journal.py
    unit/journal/test_postgres.py
A connection lost at the commit loses nothing and doubles nothing
    unit/journal/test_postgres.py::test_a_connection_lost_at_the_commit_neither_loses_nor_doubles
    unit/journal/test_postgres.py::test_hundreds_of_appends_through_a_line_that_drops_at_the_commit
Three processes of 64 workers take a shared budget exactly
    unit/journal/test_postgres.py::test_three_processes_of_64_workers_take_a_shared_budget_exactly
One contract for every engine
    contract/test_engine.py
One contract for whoever brings runs to an engine of many machines
    contract/test_attention.py
While the database stores what some runs decided, others go on
    unit/journal/test_postgres.py::test_while_the_database_stores_one_half_the_other_half_goes_on
A lost lease, a foreign intent, an outage in the middle: no call is lost or made twice, nobody waits for ever
    unit/engine/test_advancing.py
Hosts lose packets, are cut off and come back: every deed is done once (soak)
    machines/test_hosts.py
A fleet works for hours with kills and outages: nothing grows, nothing is late, nothing is lost (soak)
    machines/test_endure.py
The calls of a pool are made by its processes alone, and spared when the run is taken over
    machines/test_pools.py
    unit/engine/test_errands.py
A step of the tables takes nothing away that the version before uses
    unit/journal/test_postgres_steps.py
The database may be away for seconds in the middle of a step
    unit/engine/test_distributed.py::test_work_goes_on_after_the_database_was_away
Rates hold by the minute, hour, day and month
    unit/kernel/test_gate.py::test_a_used_up_rate_waits_for_the_next_window_and_says_so_once
    unit/kernel/test_gate.py::test_a_month_is_one_of_the_calendar
Restate and the processes it calls may die: nothing is lost, no call is made again
    machines/test_restate.py
    unit/engine/test_restate.py
A worker that is killed is taken over, one that stood still does nothing more
    machines/test_fleet.py
No wake-up is swallowed
    unit/engine/test_distributed.py
A process that is told to stop keeps its runs until their calls have ended
    unit/engine/test_advancing.py::test_what_a_process_began_itself_is_let_end_when_it_is_stopped
    unit/engine/test_errands.py::test_the_calls_of_a_pool_are_let_end_for_as_long_as_the_settings_say
No run fails because all threads are busy, and what waits for one heeds a halt, a cancel and a lost lease
    scenario/test_busy_threads.py
A house is ready while its database takes appends, and at no other time
    unit/orchestrator/test_readiness.py
A worker answers for its own health, readiness and figures while it lives and drains, and nobody who asks holds it up
    doors/test_worker_vitals.py
A reading role sees its tenant and nobody else
    unit/journal/test_postgres.py::test_a_reading_role_sees_its_tenant_and_nobody_else
    docs/test_machines_page.py
A database needs to be in UTF8, and its owner no other rights
    unit/journal/test_postgres.py::test_a_database_that_cannot_keep_every_text_is_refused
    contract/test_journal.py
A house moves into a database and back with every hash
    machines/test_moving.py
`cuga verify` checks a book in Postgres as it does a file: edited, rolled back, or not to be reached
    machines/test_moving.py::test_a_book_that_was_changed_in_the_database_is_named_by_verify
    machines/test_moving.py::test_a_book_that_was_set_back_is_named_and_taken_as_it_is_by_way_of_a_file
    """,
    "Personal data and retention": """
Nothing of a person lies in the journal in clear, and everybody reads as ever
    scenario/test_privacy.py::test_a_journal_holds_nothing_of_a_person_in_clear_and_reads_as_ever
    unit/privacy/test_sealing.py
Somebody who is erased is nowhere in the house; chain, seal, verifier and evidence hold; nobody else loses anything
    scenario/test_privacy.py::test_somebody_who_is_erased_is_nowhere_in_the_house_and_the_record_holds
    doors/test_cli_erasing.py
    machines/test_erasing.py
Erasing is done again by whoever was cut off
    scenario/test_privacy.py::test_whoever_is_cut_off_while_erasing_erases_once_more
An import leaves out who was erased and names the row; who asks for it brings them back, blocked all the same
    doors/test_cli_erasing.py::test_an_import_does_not_bring_an_erased_person_back_and_names_the_row
    doors/test_cli_erasing.py::test_whoever_asks_for_it_brings_them_back_and_mail_stays_blocked
    doors/test_http_routes.py::test_an_upload_leaves_out_who_was_erased_and_counts_them
Every other machine cleans its places by itself, however often it is cut off, and its doctor says what is left
    machines/test_erasing.py::test_another_machine_that_runs_cleans_its_places_by_itself
    machines/test_erasing.py::test_a_machine_that_was_off_cleans_its_places_at_its_next_start
    machines/test_erasing.py::test_a_machine_that_is_cut_off_while_cleaning_begins_again
    machines/test_erasing.py::test_whoever_was_brought_back_on_a_machine_stays_there
Who asked for no mail on one machine gets none from any, asked at the moment of the call
    machines/test_one_list.py
A send to several leaves out who must not be written to, before anybody is asked
    scenario/test_suppressed_list.py
What has lost its words is no advice any more
    scenario/test_privacy.py::test_what_has_lost_its_words_is_no_advice_any_more
Whoever was cut off while reducing leaves no large result behind
    scenario/test_retaining_cut.py
Only an admin erases or reduces, with a reason
    scenario/test_privacy.py::test_only_an_admin_erases_or_reduces_and_only_with_a_reason
Keys lie in a file of their own, and move with the book
    unit/privacy/test_sealing.py::test_keys_lie_in_a_file_of_their_own_that_is_made_when_the_first_is_needed
    machines/test_moving.py::test_the_keys_of_personal_data_move_with_the_book_and_leave_the_old_place
Old runs are kept as tombstones that are proven; a record that is blanked in secret is found
    scenario/test_privacy.py::test_runs_of_long_ago_are_kept_as_tombstones_and_the_record_still_holds
    scenario/test_privacy.py::test_a_record_that_is_blanked_in_secret_or_a_tombstone_that_is_altered_is_found
    """,
    "Checkpoints elsewhere": """
A journal behind its anchor, or another one, is not opened; the way back is a restore that a person acknowledges
    unit/orchestrator/test_sealing.py
    doors/test_cli_sealing.py
A proof that a journal only grew is the one of RFC 6962, and nothing else passes for one
    unit/journal/test_tree.py::test_a_proof_of_going_on_is_the_one_of_the_definition_and_holds
    unit/journal/test_tree.py::test_another_history_has_no_proof_and_of_nothing_everything_goes_on
A witness takes only what goes on from what it knows, keeps it before it answers, and never goes back
    unit/witness/test_witness.py
    doors/test_http_witness.py
Two houses: set back, forked, away at the start, away later, restored, not trusted
    scenario/test_witness.py
An object store: nothing is written over, the newest is found among many, away, wrong bucket, set back, restored
    scenario/test_anchor_store.py
A place that hangs holds up neither the others nor the seal
    unit/orchestrator/test_sealing.py::test_a_place_that_hangs_holds_up_neither_the_others_nor_the_seal
What the page says of witnesses and stores runs as it stands
    docs/test_howto_prove.py
    """,
    "The protocol of orchestrators": """
`OrchestratorProtocol`, its stages and strategies
    test_orchestrator_protocol.py
Implements the orchestrator protocol
    test_coordinator_orchestrator.py::test_implements_orchestrator_protocol
Lifecycle stages are emitted in order
    test_coordinator_orchestrator.py::test_lifecycle_stages_emitted_in_order
    test_orchestrator_protocol.py::test_route_and_execute_repeat_for_each_step
A stage is told only after it is durable
    test_orchestrator_protocol.py::test_a_stage_is_told_only_after_it_is_durable
    unit/orchestrator/test_stages.py
FAIL_FAST, RETRY, CONTINUE, FALLBACK
    test_orchestrator_protocol.py::test_fail_fast_raises_after_failed_with_what_was_done
    test_orchestrator_protocol.py::test_retry_runs_only_what_is_left_once_more
    test_orchestrator_protocol.py::test_continue_completes_and_says_what_is_missing
    test_orchestrator_protocol.py::test_fallback_answers_for_what_is_left
A frozen `ExecutionContext` with all its fields
    test_orchestrator_protocol.py::test_a_context_has_the_fields_that_callers_know
    test_orchestrator_protocol.py::test_a_context_is_changed_only_into_another_one
Starting twice is once; ending takes a bounded time
    test_orchestrator_protocol.py::test_starting_twice_is_starting_once
    test_orchestrator_protocol.py::test_ending_takes_a_bounded_time_and_never_raises
Delegates to the routing authority
    test_coordinator_orchestrator.py::test_delegates_to_routing_authority
Delegates to the planning authority
    test_coordinator_orchestrator.py::test_delegates_to_planning_authority
    """,
    "Agents": """
Which worker took a step stands in the journal
    unit/modular/test_crew.py::test_which_worker_took_a_step_stands_in_the_journal_and_is_the_one_that_did_it
The guide for agents runs
    docs/test_snippets.py::test_the_snippets_of_a_page_run
`CoordinatorAgent`, `create_coordinator`
    test_coordinator_orchestrator.py
Pluggable routing policy
    test_coordinator_routing.py::test_pluggable_routing_policy
Routing decisions are recorded to the audit trail
    test_coordinator_routing.py::test_routing_decisions_recorded_to_audit
Round robin is fair with many at once, and swappable
    test_coordinator_routing.py::test_round_robin_is_fair_with_many_at_once
    test_coordinator_routing.py::test_the_authority_is_swapped_while_the_coordinator_lives
`_select_worker` still works and warns
    test_coordinator_routing.py::test_selecting_a_worker_directly_still_works_and_warns
`WorkerAgent` tries again
    test_worker_retry.py
    test_worker_retry.py::test_retries_transient_failures
`WorkerAgent` keeps partial results
    test_worker_retry.py::test_preserves_partial_results_on_failure
Agents put together
    scenario/test_agent_composition.py
    """,
    "Planning": """
`PlanningAuthority`, `Plan`, its stages, `ToolBudget`
    test_planning_authority.py
An invalid transition raises
    test_planning_authority.py::test_a_stage_that_does_not_follow_raises
Every spelling of a budget is one budget
    test_planning_authority.py::test_every_spelling_of_a_budget_is_one_budget
Without a model the rules plan and say so
    test_planning_authority.py::test_without_a_model_the_rules_plan_and_say_so
A model's plan is checked like any other
    test_planning_authority.py::test_a_models_plan_is_stamped_from_the_registry
    test_planning_authority.py::test_a_models_answer_that_cannot_be_used_falls_back_to_the_rules
The planner itself
    unit/planning/test_rules.py
    unit/planning/test_goals.py
    unit/planning/test_check.py
    """,
    "Failures, tries, partial results": """
25 modes, five categories that compare
    test_failure_modes.py
Retry policies
    test_retry_policy.py
    unit/policy/test_retry.py
`PartialResult`, recovery strategies, going on
    test_partial_results.py
Nothing goes on while nobody knows what happened
    test_partial_results.py::test_nothing_goes_on_while_nobody_knows_what_happened
    """,
    "Approvals": """
Nobody is asked about a call that its arguments show to be in vain; the end says what was not done
    unit/kernel/test_stops.py
    doors/test_cli_honest_ends.py::test_a_recipient_who_is_blocked_is_known_before_anybody_is_asked
    doors/test_cli_honest_ends.py::test_where_nobody_is_known_to_write_to_the_end_says_that_nothing_was_sent
Whoever is blocked after the consent is stopped at the call
    doors/test_cli_honest_ends.py::test_whoever_is_blocked_after_the_consent_is_stopped_before_the_call
The next step of a request says who can take it
    unit/kernel/test_approvals.py::test_what_can_be_done_about_a_request_names_who_can
    doors/test_cli_honest_ends.py::test_who_may_not_decide_is_told_who_can_and_not_to_approve
Remarks are heeded or named with the reason, to whoever decides
    unit/planning/test_revising.py
    doors/test_cli_honest_ends.py::test_remarks_change_the_draft_or_are_named_to_whoever_decides
`ApprovalPolicy`, `ApprovalManager`, `ApprovalGate`
    test_approval_gate.py
Silence leaves the request open
    test_approval_gate.py::test_silence_raises_and_leaves_the_request_open
Who is asked follows from the profile
    test_approval_gate.py::test_who_is_asked_follows_from_the_profile
A request outlives its process
    test_approval_gate.py::test_a_request_outlives_the_process_that_asked
The rules of consent, by history
    unit/kernel/test_approvals.py
    unit/kernel/test_gate.py
    """,
    "Audit, events, budgets": """
`AuditTrail` in JSON lines and SQLite
    test_audit_trail.py
The trace's ten names are closed
    unit/orchestrator/test_trace_emitter.py
    unit/projections/test_trace.py
`BudgetEnforcer`: charged with its judgement
    unit/orchestrator/test_budget_enforcer.py
The audit record of a run
    unit/projections/test_audit.py
    """,
    "Sixteen walks from end to end": """
Retry with transient failure
    test_orchestrator_integration.py::test_e2e_retry_with_transient_failure
Retry with partial result
    test_orchestrator_integration.py::test_e2e_retry_with_partial_result
Approval gate auto approve
    test_orchestrator_integration.py::test_e2e_approval_gate_auto_approve
Approval gate manual approve
    test_orchestrator_integration.py::test_e2e_approval_gate_manual_approve
Partial result recovery
    test_orchestrator_integration.py::test_e2e_partial_result_recovery
Multiple recovery attempts
    test_orchestrator_integration.py::test_e2e_multiple_recovery_attempts
Recovery strategy suggestions
    test_orchestrator_integration.py::test_e2e_recovery_strategy_suggestions
Basic orchestration
    test_orchestrator_integration.py::test_e2e_basic_orchestration
Audit trail persistence
    test_orchestrator_integration.py::test_e2e_audit_trail_persistence
Planning routing audit integration
    test_orchestrator_integration.py::test_e2e_planning_routing_audit_integration
Complex multi stage workflow
    test_orchestrator_integration.py::test_e2e_complex_multi_stage_workflow
Error propagation through stack
    test_orchestrator_integration.py::test_e2e_error_propagation_through_stack
Observability events
    test_orchestrator_integration.py::test_e2e_observability_events
Budget tracking in plans
    test_orchestrator_integration.py::test_e2e_budget_tracking_in_plans
Concurrent orchestration
    test_orchestrator_integration.py::test_e2e_concurrent_orchestration
All components integration
    test_orchestrator_integration.py::test_e2e_all_components_integration
    """,
    "Whole orchestrations": """
All of them
    integration/test_full_orchestration.py
End to end with all authorities
    integration/test_full_orchestration.py::test_end_to_end_with_all_authorities
Recovery from a transient failure
    integration/test_full_orchestration.py::test_retry_recovery_from_transient_failure
The gate blocks a sensitive operation
    integration/test_full_orchestration.py::test_approval_gate_blocks_sensitive_operation
Partial results are kept on failure
    integration/test_full_orchestration.py::test_partial_result_preservation_on_failure
    """,
    "Ten points that agents promise": """
Capability first
    integration/test_agents_compliance.py::test_capability_first
Human authority
    integration/test_agents_compliance.py::test_human_authority
Trace continuity
    integration/test_agents_compliance.py::test_trace_continuity
Budget enforcement
    integration/test_agents_compliance.py::test_budget_enforcement
Offline first
    integration/test_agents_compliance.py::test_offline_first
Graceful degradation
    integration/test_agents_compliance.py::test_graceful_degradation
Profile driven
    integration/test_agents_compliance.py::test_profile_driven
Structured errors
    integration/test_agents_compliance.py::test_structured_errors
PII redaction
    integration/test_agents_compliance.py::test_pii_redaction
No auto send
    integration/test_agents_compliance.py::test_no_auto_send
    """,
    "Tools from outside": """
Addresses that mean this machine, its network or a cloud's metadata are never connected to
    unit/outbound/test_hostile_addresses.py
    unit/outbound/test_addresses.py
Nothing else connects, starts processes or fetches schemas
    unit/outbound/test_only_way.py
Nothing is sent twice unless that was asked for
    unit/outbound/test_client.py::test_nothing_is_sent_again_unless_that_is_asked_for
Hints of a server raise a class, and lower it only where it is trusted
    unit/tools/mcp/test_definition.py
A field that changes between plan, approval, intent and call keeps a tool from being called
    scenario/test_mcp_tools.py
A server that misbehaves is called once at most, and is never left running
    unit/tools/mcp/test_line.py
A death at any point of such a call repeats nothing
    scenario/test_outside_kills.py
Servers that others wrote work under the rules
    scenario/test_mcp_real.py
Nothing that is sent to cuga as an MCP server is a decision
    scenario/test_mcp_server.py::test_nothing_that_is_sent_is_a_decision
    scenario/test_mcp_server.py::test_the_room_holds_no_way_to_decide
A run is a task
    scenario/test_mcp_server.py::test_a_run_is_a_task_for_a_client_that_takes_tasks
An OpenAPI document of 1,223 operations is read whole, and what is not known to read is an effect
    unit/tools/openapi/test_document.py
Operations are judged, approved, recorded, and tried again by the record
    scenario/test_openapi_tools.py
    unit/tools/openapi/test_api.py
    """,
    "Drills": """
A log that is cut, a bit that turns over: nothing is lost or altered that nobody names
    scenario/test_drills.py::test_a_drill_finds_no_fault
    scenario/test_drills.py::test_a_table_that_is_not_as_it_was_made_is_named
    scenario/test_drills.py::test_the_verifier_stumbles_over_no_value
    scenario/test_drills.py::test_peaks_in_which_a_bit_has_turned_over_are_made_anew_from_the_record
Bugs planted in the storage are noticed, and without them nothing is
    scenario/test_drills.py::test_a_bug_of_the_storage_is_noticed
    scenario/test_drills.py::test_without_a_bug_nothing_is_noticed
What is answered as committed survives the power, and only that is promised
    scenario/test_drills.py::test_the_power_takes_what_was_not_synced_and_nothing_else
A refused wish after a restart does not let lost calls be made again
    scenario/test_drills.py::test_a_refused_wish_before_the_sweep_does_not_let_lost_calls_be_made_again
What is refused is said in the words of a page, and each fact of the house changes just what it is about
    unit/test_said.py::test_what_is_said_otherwise_or_no_more_is_noticed
    unit/kernel/test_house_life.py
    unit/policy/test_judgements.py
Whatever a registry says is read, and whatever it says wrongly is told at once with its place
    unit/policy/test_registry_whole.py
What is spoilt in a file is named, and a book says the same wherever it lies
    unit/journal/test_sqlite_file.py
A stopped process keeps its house, and leaves it when it dies
    scenario/test_drills.py::test_a_stopped_process_keeps_its_house_goes_on_when_it_may_and_leaves_it_when_it_dies
    """,
    "Hostile input": """
Every parser takes what it is given or refuses it, whatever fuzzing makes of it
    fuzz/test_doors.py
A known secret is in no file, log, frame, export or evidence, wherever it was put
    hostile/test_canaries.py
What data says moves no cursor, turns no direction, hides nothing and is no formula
    hostile/test_drawing.py
No pattern takes longer than a text deserves
    hostile/test_patterns.py
A file that was made to break an import costs itself, or the part that cannot be read
    unit/packs/sales/importing/test_hostile.py
Evidence and journals that were made to break the verifier never pass, and never unpack without measure
    scenario/test_verifier.py::test_a_bundle_that_is_none_is_told_and_never_passes
    scenario/test_verifier.py::test_a_bundle_that_unpacks_without_measure_is_not_unpacked
    scenario/test_verifier.py::test_a_journal_that_computes_what_is_read_is_no_journal
What is shipped is known, and under licences that may be used
    supply/test_supply.py
    """,
    "Ten ways to go wrong unnoticed, designed out": """
An approval is awaited before the tool is touched
    integration/test_ten_points.py::test_an_approval_is_awaited_before_the_tool_is_touched
Tools are really called and answer for themselves
    integration/test_ten_points.py::test_tools_are_really_called_and_answer_for_themselves
Percentiles are those of the calls that were made
    integration/test_ten_points.py::test_percentiles_are_those_of_the_calls_that_were_made
Calls that fail cost what they cost
    integration/test_ten_points.py::test_calls_that_fail_cost_what_they_cost
Nobody overspends by checking before somebody else records
    integration/test_ten_points.py::test_nobody_overspends_by_checking_before_somebody_else_records
The budget of a plan holds below that of its profile
    integration/test_ten_points.py::test_the_budget_of_a_plan_holds_below_that_of_its_profile
Failures are filed under what they are
    integration/test_ten_points.py::test_failures_are_filed_under_what_they_are
Another process sees what this one did
    integration/test_ten_points.py::test_another_process_sees_what_this_one_did
Steps are held to what the profile allows whoever planned them
    integration/test_ten_points.py::test_steps_are_held_to_what_the_profile_allows_whoever_planned_them
A class that nobody knows is refused and never taken for harmless
    integration/test_ten_points.py::test_a_class_that_nobody_knows_is_refused_and_never_taken_for_harmless
    """,
}


def sections() -> dict[str, dict[str, list[str]]]:
    """Section -> promise -> tests."""
    found: dict[str, dict[str, list[str]]] = {}
    for name, text in MATRIX.items():
        promises = found[name] = {}
        promise = ""
        for line in text.strip("\n ").splitlines():
            if line.startswith(" "):
                promises[promise].append(line.strip())
            else:
                promise = line
                promises[promise] = []
    return found


@cache
def names_in(file: str) -> tuple[str, ...]:
    """The tests of a file, by name."""
    tree = ast.parse((ROOT / "tests" / file).read_text("utf-8"))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return tuple(node.name for node in ast.walk(tree) if isinstance(node, kinds) and node.name.startswith("test_"))


def missing() -> list[str]:
    """What the table names and the tests do not have."""
    found = []
    for promises in sections().values():
        for refs in promises.values():
            for reference in refs:
                file, _, name = reference.partition("::")
                is_there = (ROOT / "tests" / file).exists()
                if not is_there or (name and name not in names_in(file)) or not names_in(file):
                    found.append(reference)
    return found


def written() -> str:
    """The page."""
    parts = [HEAD]
    for name, promises in sections().items():
        lines = ["| promise | tests | held by |", "|---|---|---|"]
        for promise, refs in promises.items():
            whole = {file for file, _, one in (r.partition("::") for r in refs) if not one}
            count = sum(len(names_in(file)) for file in whole)
            count += sum(1 for r in refs if "::" in r and r.partition("::")[0] not in whole)
            lines.append(f"| {promise} | {count} | {'<br>'.join(f'`{r}`' for r in refs)} |")
        parts.append(f"## {name}\n\n" + "\n".join(lines) + "\n")
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(written(), "utf-8")
