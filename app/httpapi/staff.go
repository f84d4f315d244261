package httpapi

import (
	"context"

	"github.com/koi-scrm/koi/app/org"
)

// StaffMember is one of our own side.
type StaffMember struct {
	StaffName
	Position    string       `json:"position,omitempty"`
	Departments []Department `json:"departments"`
	Leaders     []StaffName  `json:"leaders" doc:"直接上级；没有则为部门负责人"`
}

// Department is a department somebody belongs to.
type Department struct {
	ID    ID     `json:"id"`
	Name  string `json:"name"`
	Leads bool   `json:"leads,omitempty" doc:"是部门负责人"`
}

type staffInput struct {
	Page
	CorpID string `query:"corp_id"`
}

func (a *API) listStaff(_ context.Context, in *staffInput) (*listOf[StaffMember], error) {
	list, err := window(a.Staff.List(in.CorpID), in.Page)
	if err != nil {
		return nil, err
	}
	names := map[string]map[int64]string{}
	return &listOf[StaffMember]{mapped(list, func(s org.Staff) StaffMember {
		if names[s.CorpID] == nil {
			names[s.CorpID] = map[int64]string{}
			for _, d := range a.Staff.Departments(s.CorpID) {
				names[s.CorpID][d.ID] = d.Name
			}
		}
		m := StaffMember{StaffName: a.staffName(s.CorpID, s.UserID), Position: s.Position, Departments: []Department{}, Leaders: []StaffName{}}
		for _, id := range s.DepartmentIDs {
			d := Department{ID: ID(id), Name: names[s.CorpID][id]}
			for _, l := range s.LeaderIn {
				d.Leads = d.Leads || l == id
			}
			m.Departments = append(m.Departments, d)
		}
		for _, l := range a.Staff.Leaders(s.CorpID, s.UserID) {
			m.Leaders = append(m.Leaders, a.staffName(l.CorpID, l.UserID))
		}
		return m
	})}, nil
}
