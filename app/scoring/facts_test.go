package scoring

import (
	"github.com/koi-scrm/koi/app/contact"
	"github.com/koi-scrm/koi/app/rule"
)

// person is somebody of whom nothing is known.
func person(id int64) *rule.Person {
	return rule.NewPerson(&contact.Person{ID: id, Values: map[string]contact.Value{}})
}
