package stage

// Relation is the SELECT, in parentheses, that rule.Schema.Stages names: contact_id, stage, at; no row
// before the first stage.
const Relation = "(SELECT s.contact_id, s.stage, s.at FROM contact_stages s WHERE s.stage <> '')"
