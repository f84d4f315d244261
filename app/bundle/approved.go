package bundle

import (
	"encoding/json"
	"fmt"

	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/app/journey"
	"github.com/koi-scrm/koi/app/message"
	"github.com/koi-scrm/koi/app/setting"
	"github.com/koi-scrm/koi/app/smstemplate"
)

// journeyKind is the kind of the settings that journeys are.
const journeyKind = "journey"

// approved judges whether the short messages of journeys that are to run use templates that Aliyun approved
// for their kind. It looks only at what is applied: a template that loses its approval later stops its
// messages, not the work on everything else.
func (a *Applier) approved(models *Models, changes []Difference) []fault.Problem {
	if a.world.SMSTemplates == nil {
		return nil
	}
	var out []fault.Problem
	for _, d := range changes {
		if d.Kind != journeyKind || d.Change == Deleted {
			continue
		}
		var def struct {
			Status journey.Status
			Nodes  []struct {
				Component string
				Config    struct{ Template, Account string }
			}
		}
		if json.Unmarshal(d.body, &def) != nil || def.Status != journey.Live {
			continue // compiling says what is wrong with its form
		}
		for i, n := range def.Nodes {
			t := models.Messages.Get(n.Config.Template)
			if n.Component != "send_sms" || t == nil || t.Channel != message.SMS {
				continue
			}
			if why := a.world.SMSTemplates.Usable(n.Config.Account, t.TemplateID, smstemplate.Kind(t.Kind)); why != "" {
				out = append(out, setting.Problem(journeyKind, d.Key, fmt.Sprintf("nodes[%d].config.template", i), "%s", why))
			}
		}
	}
	return out
}
