// Package setting keeps what an operator changes while Koi runs: definitions of fields, tags, rules,
// scores, stages, journeys and message templates, each a JSON document under (kind, key). Every change
// keeps the document it replaced, so a version once used is never lost. It refuses to know what a
// document means: the domain package of its kind decodes and checks it.
package setting

import (
	"encoding/json"
)

// Item is one definition. ID is dense and never reused: domains use it as tag id, journey id and so on.
type Item struct {
	ID        int64
	Kind      string
	Key       string
	Rev       int64 // rises by one with each change of this item; (ID, Rev) names a version for ever
	Body      json.RawMessage
	UpdatedAt int64 // business time, Unix ms
	UpdatedBy string
}

// The kinds of definitions.
const (
	KindField   = "field"
	KindTag     = "tag"
	KindTagRule = "tag_rule"
	KindScore   = "score"
	KindGrid    = "grid"
	KindStage   = "stage"
	KindMessage = "message"
	KindJourney = "journey"
)
