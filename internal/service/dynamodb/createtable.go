package dynamodb

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/sealtable/sealtable/internal/api"
	"github.com/sealtable/sealtable/internal/api/dynamodbapi"
	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/engine"
	"github.com/sealtable/sealtable/internal/storage"
)

func (s *Service) createTable(
	ctx context.Context, caller *auth.Caller, in *dynamodbapi.CreateTableInput, of target,
) (*dynamodbapi.CreateTableOutput, error) {
	t, wanted, err := s.newTable(of.name, in)
	if err != nil {
		return nil, err
	}
	if _, err := s.engine.Table(t.Name); err == nil {
		return nil, s.nameTaken(t.Name)
	}
	if err := s.checkRoomFor(t); err != nil {
		return nil, err
	}
	if t.Encryption.Key, err = s.chooseKey(ctx, caller, wanted); err != nil {
		return nil, err
	}
	if err := s.addTable(ctx, caller, t); err != nil {
		return nil, err
	}
	return &dynamodbapi.CreateTableOutput{TableDescription: describeCreated(t)}, nil
}

// addTable makes the table's keys, then the table. When it is not known before the next start whether the
// table is there, its keys stay, held against everybody who would tidy them away.
func (s *Service) addTable(ctx context.Context, caller *auth.Caller, t *engine.Table) error {
	release, err := s.keys.Hold(t.ID)
	if err != nil {
		return err
	}
	if err = s.keys.Create(ctx, caller, t); err != nil {
		release()
		return keyServiceRefusal(err)
	}
	if err = s.engine.CreateTableIf(ctx, t, func() error { return s.checkRoomFor(t) }); err != nil {
		err = s.undoKeys(ctx, t, err)
	}
	if !errors.Is(err, engine.ErrUncertain) {
		release()
	}
	return err
}

// undoKeys destroys the keys of a table that did not come to be, and says why it did not. When that is not
// known before the next start, the keys stay: the table may be there then.
func (s *Service) undoKeys(ctx context.Context, t *engine.Table, cause error) error {
	if errors.Is(cause, engine.ErrUncertain) {
		return cause
	}
	if err := s.keys.Destroy(context.WithoutCancel(ctx), t.ID); err != nil {
		return errors.Join(cause, err)
	}
	if errors.Is(cause, engine.ErrTableExists) {
		return s.nameTaken(t.Name)
	}
	return cause
}

// nameTaken says who has a name already: a table, or one that is on its way in or out.
func (s *Service) nameTaken(name engine.Name) error {
	now := s.clock.Now()
	if t, err := s.engine.Table(name); err == nil {
		switch status(t, now) {
		case "CREATING", "DELETING":
			return tableBusy(t, now)
		}
	}
	return inUse("Table already exists: %s", name.Table)
}

// newTable checks the request and describes the table that it asks for, all but its key.
func (s *Service) newTable(
	name engine.Name, in *dynamodbapi.CreateTableInput,
) (*engine.Table, wantedKey, error) {
	var wanted wantedKey
	now := s.clock.Now()
	t := &engine.Table{Name: name, ARN: tableARN(name), Created: now, ActiveAt: now.Add(s.transition)}
	if _, err := rand.Read(t.ID[:]); err != nil {
		return nil, wanted, fmt.Errorf("making a table id: %w", err)
	}
	t.ID[6], t.ID[8] = t.ID[6]&0x0f|0x40, t.ID[8]&0x3f|0x80
	err := checkRequired(in)
	if err != nil {
		return nil, wanted, err
	}
	if err := readBilling(t, in.BillingMode, in.ProvisionedThroughput, now); err != nil {
		return nil, wanted, err
	}
	if t.Attributes, err = readDefinitions(in.AttributeDefinitions); err != nil {
		return nil, wanted, err
	}
	if t.Key, err = readKeySchema(in.KeySchema, t.Attributes); err != nil {
		return nil, wanted, err
	}
	if err := readIndexes(t, in); err != nil {
		return nil, wanted, err
	}
	if wanted, err = readEncryption(in.SSESpecification); err != nil {
		return nil, wanted, err
	}
	if in.DeletionProtectionEnabled != nil {
		t.DeletionProtection = *in.DeletionProtectionEnabled
	}
	if in.TableClass != nil {
		t.Class = *in.TableClass
	}
	if err = s.readExtras(t, in, now); err != nil {
		return nil, wanted, err
	}
	if err := createStream(t, in.StreamSpecification, t.ActiveAt); err != nil {
		return nil, wanted, err
	}
	t.Tags, err = addTags(nil, in.Tags)
	return t, wanted, err
}

// readExtras reads what few requests have.
func (s *Service) readExtras(t *engine.Table, in *dynamodbapi.CreateTableInput, now time.Time) error {
	if err := setOnDemand(t, in.OnDemandThroughput, true); err != nil {
		return err
	}
	if err := warmedTable(t).set(in.WarmThroughput, true, time.Time{}); err != nil ||
		in.ResourcePolicy == nil {
		return err
	}
	document, err := s.readPolicy(*in.ResourcePolicy, policyActions)
	if err == nil {
		setPolicy(&t.Policy, document.text, now)
	}
	return err
}

// checkRequired refuses a request that lacks what every table of its own has, or has too much of it. The
// model is wider: requests for replicas of a table elsewhere go without, and keys of indexes may be longer.
func checkRequired(in *dynamodbapi.CreateTableInput) error {
	const required = "Member must not be null"
	switch {
	case in.AttributeDefinitions == nil && in.KeySchema == nil:
		return invalid("2 validation errors detected: Value null at 'attributeDefinitions' failed to "+
			"satisfy constraint: %s; "+
			"Value null at 'keySchema' failed to satisfy constraint: %s", required, required)
	case in.AttributeDefinitions == nil:
		return brokenConstraint("null", "attributeDefinitions", required)
	case in.KeySchema == nil:
		return brokenConstraint("null", "keySchema", required)
	case len(in.KeySchema) > 2:
		return brokenConstraint("'"+showKeySchema(in.KeySchema)+"'", "keySchema",
			"Member must have length less than or equal to 2")
	}
	return nil
}

// checkRoomFor says whether the quotas leave room for a table: early, before a key is touched, and again when
// no other table can come in between.
func (s *Service) checkRoomFor(t *engine.Table) error {
	if len(s.engine.TableNames(t.Name.Account, t.Name.Region, "")) >= s.tableQuota {
		return &api.Error{Code: "LimitExceededException",
			Message: fmt.Sprintf("Subscriber limit exceeded: There is a limit of %d tables per subscriber",
				s.tableQuota)}
	}
	return s.checkThroughputQuota(t)
}

func (s *Service) chooseKey(ctx context.Context, caller *auth.Caller, wanted wantedKey) (engine.Key, error) {
	key, err := s.keys.Choose(ctx, caller, caller.Region, wanted.kind, wanted.keyID)
	return key, keyServiceRefusal(err)
}

// uuidText writes a table's ID as TableId does.
func uuidText(id storage.TableID) string {
	return fmt.Sprintf("%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:])
}
