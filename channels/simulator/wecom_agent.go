package simulator

import "slices"

// agentGet tells an app's settings (path/90227): what a check of the installation looks at.
func (s *Simulator) agentGet(c *call) (answer, *refusal) {
	id, _ := c.in.num("agentid")
	a := c.corp.agents[int(id)]
	if a == nil {
		return nil, refuse(40056)
	}
	if c.agent != a {
		return nil, refuse(301002)
	}
	users, parties := []answer{}, append([]int{}, a.Visible...)
	if len(parties) == 0 {
		for _, d := range c.corp.Departments {
			if d.Parent == 0 {
				parties = append(parties, d.ID)
			}
		}
	}
	closed := 0
	if a.Disabled {
		closed = 1
	}
	return ok(answer{"agentid": a.AgentID, "name": a.Name, "square_logo_url": "", "description": "",
		"allow_userinfos": answer{"user": users}, "allow_partys": answer{"partyid": parties}, "allow_tags": answer{"tagid": []int{}},
		"close": closed, "redirect_domain": a.Domain, "report_location_flag": 0, "isreportenter": 1, "home_url": a.HomeURL}), nil
}

// welcomeParts are what a kind of attachment must carry (path/92137).
var welcomeParts = map[string][]string{
	"image": {}, "link": {"title", "url"}, "miniprogram": {"title", "pic_media_id", "appid", "page"}, "video": {"media_id"}, "file": {"media_id"},
}

// attachmentsComplete reports whether every attachment is of a known kind and has what that needs.
func attachmentsComplete(c *call) bool {
	for _, a := range c.in.objs("attachments") {
		kind := a.str("msgtype")
		parts, known := welcomeParts[kind]
		if !known || (kind == "image" && a.str("image.media_id") == "" && a.str("image.pic_url") == "") {
			return false
		}
		for _, name := range parts {
			if a.str(kind+"."+name) == "" {
				return false
			}
		}
	}
	return len(c.in.objs("attachments")) == len(c.in.list("attachments"))
}

// mediaGood reports whether the media of every attachment are there: temporary ones live three days.
func mediaGood(c *call) bool {
	if c.corp == nil || len(c.corp.Media) == 0 {
		return true
	}
	for _, a := range c.in.objs("attachments") {
		for _, name := range []string{"image.media_id", "video.media_id", "file.media_id", "miniprogram.pic_media_id"} {
			if id := a.str(name); id != "" && !slices.Contains(c.corp.Media, id) {
				return false
			}
		}
	}
	return true
}
