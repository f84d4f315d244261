package journey

import (
	"crypto/sha256"
	"encoding/binary"
	"strings"

	"github.com/koi-scrm/koi/app/account"
	"github.com/koi-scrm/koi/app/event"
)

// staffName is the staff member an event concerns as "corpid/userid", "" when none or of an unknown corp.
func staffName(e *event.Event) string {
	if e.Staff == "" {
		return ""
	}
	corp, _, ok := account.SplitWeComID(e.Account)
	if !ok {
		return ""
	}
	return corp + "/" + e.Staff
}

// staffSubject makes a subject of a staff member: below zero, so that it is never a contact's id. Two
// members with one hash would share their entry limits; among 63 bits that does not happen.
func staffSubject(name string) int64 {
	if name == "" {
		return 0
	}
	sum := sha256.Sum256([]byte(name))
	return -int64(binary.BigEndian.Uint64(sum[:])>>1) - 1
}

func splitStaff(name string) (corp, user string) {
	corp, user, _ = strings.Cut(name, "/")
	return corp, user
}

// subject tells who an event would send through a journey.
func (s *Stage) subject(g *Graph, e *event.Event) (id int64, staff string) {
	if g.Subject == StaffOnly {
		name := staffName(e)
		return staffSubject(name), name
	}
	return e.ContactID, ""
}
