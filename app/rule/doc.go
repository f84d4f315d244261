// Package rule is the condition tree (条件) that segments, journeys, tag and score rules share: all, any
// and not to any depth, with leaves about one person. A tree has two forms that must agree on every
// person: Match, in memory and pure, for the pipeline; Select, one SQL text for the whole population,
// in the common subset of SQLite, MySQL, MariaDB and DuckDB. Explain is Match with the reasons.
//
// # Leaves
//
// Every leaf is one definition in the registry (see Leaves): Chinese label and explanation, what its key
// names, its operators and their editors, and how it compiles. Compiled leaves are a few shapes: a whole
// number that lies in a span, a text that equals, contains or starts, a list that has members. A shape
// knows its in-memory test, its SQL and its sentence, so a new leaf says what it reads, once, and cannot
// test one thing in memory and another in SQL. The property test draws trees from the registry and fails
// for a leaf or operator whose two answers it did not see agree, both true and false.
//
// A missing fact fails every positive question, and the negative operators (不等于, 不包含, 不属于,
// 不在最近N天) are their exact opposite: who has no city is 不等于 上海. So SQL never meets a NULL.
//
// # Time
//
// 最近N天 means N calendar days in the business zone, today included; answers change at local midnight.
// Everything that depends on the day (bounds of windows, decayed thresholds, anniversaries) is computed
// once per tree and day, as numbers, which both forms compare with.
//
// # Behaviour
//
// Match reads counters (see Counter): one per distinct question (event type, conditions, how finely),
// kept per person by the Counters stage while a live tree asks it. Select counts the events themselves.
//
// Conditions on an event come in two classes. Those on its columns (object_type, object_id, account,
// staff; 等于, 不等于, 属于, 不属于, compared exactly) are part of the SQL. Those on its props cannot be:
// JSON operators differ between the engines, and typed rows for every property of every event would
// multiply what an event costs. So a live question about props leaves a narrow row in rule_hits for each
// event that satisfies it, found by the same Go code that counts, and Select counts those rows instead.
// Only events that such a question is about pay for it, the population query reads a primary key range
// instead of the timeline, and props compare as text does everywhere (normalised). The price: Select of
// a tree with conditions on props is right only while Counters is Ready for it, so a draft that asks
// something new has to be put to use (Counters.Use) and counted first.
//
// Counters remember longer than the timeline is kept: 累计 in memory still knows an event that retention
// has deleted, Select does not.
//
// # What it refuses to know
//
// Other packages' tables: their owners name them in a Schema. What follows from a match. Clear phone
// numbers and mail addresses: leaves ask only whether there is one.
package rule
