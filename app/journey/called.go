package journey

// Called gives the names that people know a journey and one of its steps by; "" for what is gone. Of a
// version nobody is inside any more, the newest one's names are given.
func (m *Model) Called(id, rev int64, node string) (journey, step string) {
	if m == nil {
		return "", ""
	}
	g := m.graphs[version{id, rev}]
	if g == nil {
		g = m.newest[id]
	}
	if g == nil {
		return "", ""
	}
	if n := g.byID[node]; n != nil {
		step = n.label()
	}
	return g.Name, step
}
