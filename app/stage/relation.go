package stage

// Relation is the SELECT, in parentheses, that rule.Schema.Stages names: contact_id, stage, at; no row
// before the first stage.
const Relation = "(SELECT contact_id, stage, at FROM contact_stages WHERE stage <> '')"
