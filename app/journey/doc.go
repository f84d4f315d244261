// Package journey walks people through what an operator drew: when something happens to somebody, wait for
// this, ask for that, send a message, tell a colleague. A journey is a graph; each change of it is a new
// version that is never changed again; a run is one walk of one subject through one version.
//
// # How it works
//
// step is the whole of the logic and is pure: a graph, a run, one input (an event, a due time, the result of
// an action) and the facts of a person give the run as it stands afterwards, the moves it made and at most
// one action to perform. The live Stage, test runs and explanations all call it.
//
// The Stage stands in the pipeline behind everything that concludes about people. It finds triggers by event
// type, so an event that nobody listens to costs a map look-up; it loads the runs of a batch's people with
// one query; messages go into the outbox and changes to the stages that own them, all within the batch. After
// a step that changed the person, a step that reads the person is put off until the change, and what follows
// from it, has passed all stages: the event journey.step_done, emitted behind the change, resumes the run.
// A step that tells the reasons of a score is put off to the next batch, which looks them up.
//
// # Invariants
//
//   - A version is immutable; people inside finish on theirs. Pausing keeps them where they are, stopping
//     takes them out.
//   - A run's id, its messages' keys and its events' ids follow from the event that caused them: processing
//     a batch again does everything once.
//   - What reached us late, or was processed later than the journey's freshness, starts nothing; it may
//     still end a wait that began before it happened.
//   - Every open run that waits for time has a due time, and what goes wrong within a run is the run's own
//     failure, so that no timer comes back for ever.
//   - After a merge both people's runs and entries are one person's; where both are in a journey that one
//     may be in once, the run begun first goes on. A merge that is undone leaves the runs with the kept one.
//   - Entry, the actions and the end of a run stand on the timeline. Passing a step that only decides or
//     waits costs no row: it is counted per step (journey_counters).
//
// The package refuses to know whether a message may be sent (policy decides, in the outbox) and how.
//
// # The definition
//
// A journey is a setting of kind "journey" under its key; as YAML in a bundle:
//
//	journeys:
//	  - key: follow_up
//	    name: 关注后跟进
//	    subject: contact            # contact 客户, staff 员工
//	    status: live                # draft 草稿, live 运行中, paused 已暂停, stopped 已停止
//	    settings:
//	      entry: {mode: again, days: 30}       # once, again (after days), concurrent
//	      exit:                                # any of them takes people out
//	        - {events: [oa.unfollowed], note: 已取关}
//	        - {when: {leaf: stage, op: in, value: [won]}, note: 已成交}
//	      goal: {events: [trial.requested], within: 30d, note: 申请试用}   # takes out who reached it
//	      freshness: 1h                        # how old an event may be to start a run
//	      hours: {from: "09:00", to: "18:00", days: [1, 2, 3, 4, 5]}
//	      priority: 50                         # of journeys one event starts, the higher first
//	      timezone: Asia/Shanghai              # absent: the business zone
//	    nodes:
//	      - {id: followed, component: on_event, config: {events: [oa.followed]}}
//	      - {id: hello, component: send_official, config: {template: welcome}, on_error: continue, note: 欢迎}
//	      - id: listen
//	        component: wait_event
//	        config:
//	          timeout: 2d
//	          cases:
//	            - {port: price, label: 问报价, events: [oa.message_received],
//	               where: [{prop: content, op: contains, value: 报价}]}
//	      - {id: mark, component: tag, config: {add: [asked_price]}}
//	      - {id: tell, component: alert, config: {template: hot_lead, to: [event_staff, all_added, leader]}}
//	      - {id: done, component: end}
//	    edges:                                 # port absent: next
//	      - {from: followed, to: hello}
//	      - {from: hello, to: listen}
//	      - {from: listen, port: price, to: mark}
//	      - {from: listen, port: timeout, to: done}
//	      - {from: mark, to: tell}
//	      - {from: tell, to: done}
//
// Components lists every component with its number in the catalogue, ports and config members. In short:
//
//	on_event       1   events, where?, when?                               → next
//	on_change      4   change (tag_added tag_removed stage_entered
//	                   score_crossed), tags? stages? first? score?
//	                   thresholds? when?                                   → next
//	branch         7   branches [{port, label, when}]                      → each port, else
//	wait_event     8   cases [{port, label, events, where?, step?}],
//	                   timeout                                             → each port, timeout
//	can_reach     12   channel? class? template? account? within?           → open, closed
//	wait          13   mode: for {for}, until {at}, time {time, days?},
//	                   work, date {field, time, offset_days?, yearly?};
//	                   in_hours?                                           → next, missing?
//	send_template 14   template, account?, expires?                        → next, blocked?, failed?
//	send_notice   14b  (公众号订阅通知) the same
//	send_once     14c  (一次性订阅消息) the same
//	send_official 15   the same
//	wecom_welcome 15b  template                                            → next, blocked?, failed?
//	send_mini     17   template, account?, expires?                        → next, blocked?, failed?
//	send_sms      18   the same; account is a signature
//	send_wecom    19   template, account?, expires?  (subject staff)       → next, blocked?, failed?
//	tag           23   add?, remove?                                       → next, failed?
//	change        24   set? {field: value or null}, stage?                 → next, failed?
//	alert         26   template, to [event_staff leader all_added
//	                   first_added departments roles], pick? (first,
//	                   all), departments?, roles?, account?, expires?      → next, blocked?, failed?
//	webhook       29   webhook, send? (both, event, contact), personal?    → next, blocked?, failed?
//	goal          32   events? where? when? within? note?                  → missed
//	end           33                                                       → nothing
//
// "when" is a condition tree about the person (see rule.Node), "where" a list of conditions on the event (see
// rule.Where). Ports marked ? may be left open: "missing" and "blocked" then go on through "next", "failed"
// follows on_error (continue, which is the default, or stop). A case of wait_event with a step asks only about
// the message which that step of the same run sent.
//
// What a platform will surely not deliver where it stands in the graph is a problem; what it may not is a
// warning, which keeps nothing from running (see platforms).
package journey
