package server

import (
	"maps"
	"slices"

	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/control"
	"github.com/sealtable/sealtable/internal/keyring"
	"github.com/sealtable/sealtable/internal/trail"
)

// recordKeyEvent records what the key service did to a key. Keys that nobody can see leave no record.
func (s *Server) recordKeyEvent(e keyring.Event) {
	m := e.Key.Metadata()
	if m.Owned() {
		return
	}
	event := trail.Event{Service: "kms", Name: e.Name, Account: e.Key.Scope().Account,
		Region: e.Key.Scope().Region, Resources: []string{e.Key.ARN()}}
	for _, name := range slices.Sorted(maps.Keys(e.Details)) {
		event.Details = append(event.Details, auth.Parameter{Name: name, Value: e.Details[name]})
	}
	s.trail.Event(event)
}

// operator is who acts by the command line: nobody that signs.
func (s *Server) operator() *auth.Caller {
	return &auth.Caller{Type: trail.Operator, Account: s.config.Account, UserAgent: "sealtable"}
}

// recordOperator records what the operator did or tried, durably before it is answered.
func (s *Server) recordOperator(name string, err error, details ...auth.Parameter) {
	s.trail.Event(trail.Event{Service: trail.Installation, Name: name, Caller: s.operator(),
		Account: s.config.Account, Details: details, Err: err})
	if err := s.trail.Flush(); err != nil {
		s.log.Error("the trail cannot be written", "error", err)
	}
}

// recordRootKeys records which access keys of root users came and went, while the server runs.
func (s *Server) recordRootKeys(before, after map[string]string) {
	if s.trail == nil {
		return
	}
	record := func(name string, from, to map[string]string) {
		for _, id := range slices.Sorted(maps.Keys(from)) {
			if _, stays := to[id]; !stays {
				s.recordOperator(name, nil, auth.Parameter{Name: "accountId", Value: from[id]},
					auth.Parameter{Name: "accessKeyId", Value: id})
			}
		}
	}
	record("RemoveRootAccessKey", before, after)
	record("AddRootAccessKey", after, before)
}

// takeNotes records what the command line did while no server ran. A note that cannot be taken stays for the
// next start.
func (s *Server) takeNotes() {
	err := control.TakeNotes(s.config.ConfigDir, func(notes []control.Note) error {
		for _, n := range notes {
			event := trail.Event{Service: trail.Installation, Name: n.Name, Caller: s.operator(),
				Account: s.config.Account, Time: n.Time}
			for _, name := range slices.Sorted(maps.Keys(n.Details)) {
				event.Details = append(event.Details, auth.Parameter{Name: name, Value: n.Details[name]})
			}
			s.trail.Event(event)
		}
		return s.trail.Flush()
	})
	if err != nil {
		s.log.Error("what was done by the command line is not in the trail", "error", err)
	}
}
