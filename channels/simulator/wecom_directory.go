package simulator

import "slices"

// A member's phone and e-mail are not given to apps made since 2022-06; this world gives them to none.

func departmentAnswer(c *corp, d *Department, order int) answer {
	leaders := []string{}
	for _, m := range c.order {
		if !m.left && slices.Contains(m.Leads, d.ID) {
			leaders = append(leaders, m.UserID)
		}
	}
	return answer{"id": d.ID, "name": d.Name, "name_en": "", "department_leader": leaders, "parentid": d.Parent, "order": order}
}

// departments are those under root (0: all) that the caller sees, in the order they were configured.
func (c *call) departments(root int) []int {
	var out []int
	for i := range c.corp.Departments {
		id := c.corp.Departments[i].ID
		if (root == 0 || c.corp.within(id, root)) && c.agent.sees(id) {
			out = append(out, i)
		}
	}
	return out
}

// rootDepartment reads the id of department/list, which may be left out. PowerWeChat can't leave it out
// and sends 0, which is taken for the same.
func (c *call) rootDepartment() (int, *refusal) {
	if id := c.in.str("id"); id == "" || id == "0" {
		return 0, nil
	}
	id, isNumber := c.in.num("id")
	if !isNumber || c.corp.departments[int(id)] == nil {
		return 0, refuse(60123)
	}
	if !c.agent.sees(int(id)) {
		return 0, refuse(60011)
	}
	return int(id), nil
}

// order is the place of a department in listings: earlier ones have greater numbers.
func (c *corp) orderOf(i int) int { return 100_000_000 - i*1000 }

func (s *Simulator) departmentList(c *call) (answer, *refusal) {
	root, no := c.rootDepartment()
	if no != nil {
		return nil, no
	}
	list := []answer{}
	for _, i := range c.departments(root) {
		list = append(list, departmentAnswer(c.corp, &c.corp.Departments[i], c.corp.orderOf(i)))
	}
	return ok(answer{"department": list}), nil
}

func (s *Simulator) departmentIDs(c *call) (answer, *refusal) {
	root, no := c.rootDepartment()
	if no != nil {
		return nil, no
	}
	list := []answer{}
	for _, i := range c.departments(root) {
		d := c.corp.Departments[i]
		list = append(list, answer{"id": d.ID, "parentid": d.Parent, "order": c.corp.orderOf(i)})
	}
	return ok(answer{"department_id": list}), nil
}

// staffIn are the visible members of a department, with those below it when fetch_child is 1.
func (c *call) staffIn() ([]*staff, *refusal) {
	id, _ := c.in.num("department_id")
	if c.corp.departments[int(id)] == nil {
		return nil, refuse(60003)
	}
	if !c.agent.sees(int(id)) {
		return nil, refuse(60011)
	}
	deep := c.in.str("fetch_child") == "1"
	var out []*staff
	for _, m := range c.corp.order {
		if !m.left && slices.ContainsFunc(m.Departments, func(d int) bool {
			return d == int(id) || deep && c.corp.within(d, int(id))
		}) {
			out = append(out, m)
		}
	}
	return out, nil
}

func (s *Simulator) staffList(c *call) (answer, *refusal) {
	members, no := c.staffIn()
	if no != nil {
		return nil, no
	}
	list := []answer{}
	for _, m := range members {
		list = append(list, staffAnswer(m))
	}
	return ok(answer{"userlist": list}), nil
}

func (s *Simulator) staffSimpleList(c *call) (answer, *refusal) {
	members, no := c.staffIn()
	if no != nil {
		return nil, no
	}
	list := []answer{}
	for _, m := range members {
		list = append(list, answer{"userid": m.UserID, "name": m.Name, "department": m.Departments, "open_userid": ""})
	}
	return ok(answer{"userlist": list}), nil
}

func (s *Simulator) staffGet(c *call) (answer, *refusal) {
	m := c.corp.member(c.in.str("userid"))
	if m == nil {
		return nil, refuse(60111)
	}
	if !c.agent.seesStaff(m) {
		return nil, refuse(60011)
	}
	return ok(staffAnswer(m)), nil
}

// staffAnswer is a member as user/get and user/list tell them (path/90196).
func staffAnswer(m *staff) answer {
	leads, order := make([]int, len(m.Departments)), make([]int, len(m.Departments))
	for i, d := range m.Departments {
		if slices.Contains(m.Leads, d) {
			leads[i] = 1
		}
	}
	leaders := m.Leaders
	if leaders == nil {
		leaders = []string{}
	}
	status := 1
	if m.Inactive {
		status = 4
	}
	return answer{"userid": m.UserID, "name": m.Name, "department": m.Departments, "order": order,
		"position": m.Position, "is_leader_in_dept": leads, "direct_leader": leaders, "main_department": m.Departments[0],
		"status": status, "isleader": slices.Max(append([]int{0}, leads...)), "enable": 1, "alias": "", "telephone": "",
		"open_userid": "", "extattr": answer{"attrs": []any{}}, "hide_mobile": 0}
}
