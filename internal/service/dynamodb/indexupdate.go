package dynamodb

import (
	"context"
	"slices"
	"time"

	"github.com/sealtable/sealtable/internal/api/dynamodbapi"
	"github.com/sealtable/sealtable/internal/clock"
	"github.com/sealtable/sealtable/internal/engine"
)

// checkIndexUpdates checks what needs no table of GlobalSecondaryIndexUpdates.
func checkIndexUpdates(updates []dynamodbapi.GlobalSecondaryIndexUpdate) error {
	var names []string
	online := 0
	for _, u := range updates {
		name, actions := updatedIndex(&u)
		switch {
		case actions == 0:
			return invalidParameter("One of GlobalSecondaryIndexUpdate.Update, " +
				"GlobalSecondaryIndexUpdate.Create, GlobalSecondaryIndexUpdate.Delete must not be null")
		case actions > 1:
			return invalidParameter("Only one of GlobalSecondaryIndexUpdate.Update, " +
				"GlobalSecondaryIndexUpdate.Create, GlobalSecondaryIndexUpdate.Delete can be specified")
		case slices.Contains(names, name):
			return invalidParameter("Only one global secondary index update per index is allowed "+
				"simultaneously. Index: %s", name)
		case u.Update != nil && u.Update.ProvisionedThroughput != nil:
			if err := checkIndexUnits(name, u.Update.ProvisionedThroughput); err != nil {
				return err
			}
		}
		names = append(names, name)
		if u.Update == nil {
			online++
		}
	}
	if online > 1 {
		return onlyOneOnline()
	}
	return nil
}

func onlyOneOnline() error {
	return limitExceeded("Subscriber limit exceeded: Only 1 online index can be created or deleted " +
		"simultaneously per table")
}

// updatedIndex is which index an update is about, and of how many kinds it is: it must be exactly one.
func updatedIndex(u *dynamodbapi.GlobalSecondaryIndexUpdate) (name string, actions int) {
	if u.Create != nil {
		name, actions = *u.Create.IndexName, actions+1
	}
	if u.Update != nil {
		name, actions = *u.Update.IndexName, actions+1
	}
	if u.Delete != nil {
		name, actions = *u.Delete.IndexName, actions+1
	}
	return name, actions
}

// changesIndexes says whether the request adds or deletes an index.
func changesIndexes(in *dynamodbapi.UpdateTableInput) bool {
	return slices.ContainsFunc(in.GlobalSecondaryIndexUpdates,
		func(u dynamodbapi.GlobalSecondaryIndexUpdate) bool { return u.Update == nil })
}

// applyIndexUpdates applies GlobalSecondaryIndexUpdates to a table whose billing mode is what it will be.
// repriced says that the mode changes with this request.
func (s *Service) applyIndexUpdates(
	t *engine.Table, in *dynamodbapi.UpdateTableInput, repriced bool, now time.Time,
) error {
	for i := range in.GlobalSecondaryIndexUpdates {
		u := &in.GlobalSecondaryIndexUpdates[i]
		var err error
		switch {
		case u.Create != nil:
			err = s.createIndex(t, u.Create, in.AttributeDefinitions, now)
		case u.Delete != nil:
			err = s.deleteIndex(t, *u.Delete.IndexName, now)
		default:
			err = s.updateIndex(t, u.Update, repriced, now)
		}
		if err != nil {
			return err
		}
	}
	if repriced {
		return repriceIndexes(t, in.GlobalSecondaryIndexUpdates)
	}
	return nil
}

// repriceIndexes makes sure that each index has throughput of its own in provisioned mode, and none in the
// other.
func repriceIndexes(t *engine.Table, updates []dynamodbapi.GlobalSecondaryIndexUpdate) error {
	for i := range t.Indexes {
		x := &t.Indexes[i]
		given := slices.ContainsFunc(updates, func(u dynamodbapi.GlobalSecondaryIndexUpdate) bool {
			name, _ := updatedIndex(&u)
			return name == x.Name
		})
		switch {
		case x.Local || x.State == engine.IndexClearing:
		case t.PayPerRequest:
			x.Throughput.Read, x.Throughput.Write = 0, 0
		case !given:
			return invalidParameter("ProvisionedThroughput must be specified for index: %s", x.Name)
		default:
			x.OnDemandRead, x.OnDemandWrite = nil, nil
		}
	}
	return nil
}

// createIndex adds an index, which is then filled in the background.
func (s *Service) createIndex(
	t *engine.Table, given *dynamodbapi.CreateGlobalSecondaryIndexAction,
	definitions []dynamodbapi.AttributeDefinition, now time.Time,
) error {
	name, global := *given.IndexName, 0
	for i := range t.Indexes {
		switch x := &t.Indexes[i]; {
		case x.Name == name:
			return invalid("Attempting to create an index which already exists")
		case !x.Local:
			global++
		}
	}
	if err := checkNoneOnline(t, now); err != nil {
		return err
	}
	if global >= maxGlobalIndexes {
		return limitExceeded("Subscriber limit exceeded: Number of global secondary indexes exceeds " +
			"per-table limit of " + decimal(maxGlobalIndexes))
	}
	if err := addDefinitions(t, given.KeySchema, definitions); err != nil {
		return err
	}
	x, err := readGlobalIndex(t, name, given.KeySchema, given.Projection)
	if err != nil {
		return err
	}
	if err := readIndexThroughput(t, &x, given.ProvisionedThroughput, given.OnDemandThroughput,
		given.WarmThroughput); err != nil {
		return err
	}
	x.Online = true
	x.State = engine.IndexFilling
	x.ActiveAt = now.Add(s.transition)
	t.AddIndex(x)
	return checkIncluded(t)
}

// checkNoneOnline refuses to add or delete an index while another one comes or goes.
func checkNoneOnline(t *engine.Table, now time.Time) error {
	for i := range t.Indexes {
		if x := &t.Indexes[i]; !x.Local {
			switch indexStatus(t, x, now) {
			case "CREATING", "DELETING":
				return onlyOneOnline()
			}
		}
	}
	return nil
}

// addDefinitions takes the definitions of a new index's key attributes, all of which the request must give,
// and leaves the others.
func addDefinitions(
	t *engine.Table, keys []dynamodbapi.KeySchemaElement, given []dynamodbapi.AttributeDefinition,
) error {
	definitions, err := readDefinitions(given)
	if err != nil {
		return err
	}
	for _, key := range keys {
		at := slices.IndexFunc(definitions, func(a engine.KeyAttribute) bool {
			return a.Name == *key.AttributeName
		})
		if at < 0 {
			return invalid("Invalid KeySchema: Some index key attribute have no definition")
		}
		known := slices.IndexFunc(t.Attributes, func(a engine.KeyAttribute) bool {
			return a.Name == *key.AttributeName
		})
		switch {
		case known < 0:
			t.Attributes = append(t.Attributes, definitions[at])
		case t.Attributes[known].Kind != definitions[at].Kind:
			return invalidParameter("Attribute %s is defined as %s already", definitions[at].Name,
				t.Attributes[known].Kind)
		}
	}
	return nil
}

// deleteIndex takes an index out of use. Its rows go in the background, and then it goes itself.
func (s *Service) deleteIndex(t *engine.Table, name string, now time.Time) error {
	x, err := globalIndex(t, name)
	if err != nil {
		return err
	}
	if state := indexStatus(t, x, now); state == "DELETING" || state == "UPDATING" {
		return indexBusy(t, x, now)
	}
	for i := range t.Indexes {
		if other := &t.Indexes[i]; other != x && !other.Local {
			switch indexStatus(t, other, now) {
			case "CREATING", "DELETING":
				return onlyOneOnline()
			}
		}
	}
	x.State, x.ActiveAt = engine.IndexClearing, now.Add(s.transition)
	return nil
}

func globalIndex(t *engine.Table, name string) (*engine.Index, error) {
	x := t.Index(name)
	if x == nil || x.Local {
		return nil, notFound("Requested resource not found")
	}
	return x, nil
}

func indexBusy(t *engine.Table, x *engine.Index, now time.Time) error {
	state := map[string]string{"CREATING": "created", "UPDATING": "updated",
		"DELETING": "deleted"}[indexStatus(t, x, now)]
	return inUse("Attempt to change a resource which is still in use: Index is being %s.  Table: %s "+
		"Index: %s", state, t.Name.Table, x.Name)
}

// updateIndex changes an index's throughput.
func (s *Service) updateIndex(
	t *engine.Table, given *dynamodbapi.UpdateGlobalSecondaryIndexAction, repriced bool, now time.Time,
) error {
	x, err := globalIndex(t, *given.IndexName)
	if err != nil {
		return err
	}
	if indexStatus(t, x, now) != "ACTIVE" {
		return indexBusy(t, x, now)
	}
	if err := s.updateIndexUnits(t, x, given, repriced, now); err != nil {
		return err
	}
	return warmedIndex(t, x).set(given.WarmThroughput, false, now.Add(s.transition))
}

// updateIndexUnits changes an index's provisioned throughput, or its limits in on-demand mode. A change of
// warm throughput alone leaves the index as active as it leaves a table.
func (s *Service) updateIndexUnits(
	t *engine.Table, x *engine.Index, given *dynamodbapi.UpdateGlobalSecondaryIndexAction, repriced bool,
	now time.Time,
) error {
	p := given.ProvisionedThroughput
	if p == nil && given.OnDemandThroughput == nil && given.WarmThroughput != nil && !repriced {
		return nil
	}
	warmedIndex(t, x).keep()
	x.Updating, x.ActiveAt = true, now.Add(s.transition)
	if err := setOnDemandOf(t, "index "+x.Name, given.OnDemandThroughput, false, &x.OnDemandRead,
		&x.OnDemandWrite); err != nil {
		return err
	}
	switch {
	case p == nil && !t.PayPerRequest:
		return invalidParameter("ProvisionedThroughput must be specified for index: %s", x.Name)
	case repriced || t.PayPerRequest:
		return readIndexUnits(t, x, p)
	}
	return changeUnits(&x.Throughput, "index "+x.Name, *p.ReadCapacityUnits, *p.WriteCapacityUnits, now)
}

// indexRetry is how long to wait before work on indexes that failed is tried again, such as for a key that
// cannot be used now.
const indexRetry = time.Minute

// longestRest bounds how long the work on indexes rests between two parts of it.
const longestRest = 50 * time.Millisecond

// tendIndexes does in the background what the indexes of a table leave to do, one part after the other. It
// rests between them for as long as a part takes, and other jobs of the clock have their turn.
func (s *Service) tendIndexes(of *engine.Table) {
	ctx := context.Background()
	s.clock.At(s.clock.Now(), func(time.Time) time.Time {
		t, err := s.engine.Table(of.Name)
		if err != nil || t.ID != of.ID || t.Deleting || !t.IndexesDue() {
			return clock.Done()
		}
		begun := time.Now()
		if err := s.keys.Wake(ctx, t); err != nil {
			return s.clock.Now().Add(indexRetry)
		}
		again, err := s.engine.TendIndexes(ctx, t, s.clock.Now())
		switch {
		case err != nil:
			return s.clock.Now().Add(indexRetry)
		case again.IsZero():
			return clock.Done()
		}
		if rested := s.clock.Now().Add(min(time.Since(begun), longestRest)); again.Before(rested) {
			return rested
		}
		return again
	})
}

// ResumeIndexes goes on with the work on indexes that a stop of the server interrupted.
func (s *Service) ResumeIndexes() {
	for _, t := range s.engine.AllTables() {
		if t.IndexesDue() && !t.Deleting {
			s.tendIndexes(t)
		}
	}
}
