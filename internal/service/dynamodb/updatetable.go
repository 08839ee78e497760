package dynamodb

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/sealtable/sealtable/internal/api/dynamodbapi"
	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/clock"
	"github.com/sealtable/sealtable/internal/engine"
)

func (s *Service) updateTable(
	ctx context.Context, caller *auth.Caller, in *dynamodbapi.UpdateTableInput, of target,
) (*dynamodbapi.UpdateTableOutput, error) {
	if err := checkTableUpdate(in); err != nil {
		return nil, err
	}
	t, err := of.there()
	if err != nil {
		return nil, err
	}
	if in.SSESpecification != nil {
		return s.changeKey(ctx, caller, t, in)
	}
	return s.changeSettings(ctx, t, in)
}

// checkTableUpdate checks what needs no table.
func checkTableUpdate(in *dynamodbapi.UpdateTableInput) error {
	if err := checkAlone(in); err != nil {
		return err
	}
	switch {
	case in.SSESpecification == nil && !changesSettings(in):
		return invalid("At least one of ProvisionedThroughput, BillingMode, UpdateStreamEnabled, " +
			"GlobalSecondaryIndexUpdates, SSESpecification, ReplicaUpdates, " +
			"MultiAccountReplicaReady, ReplicaTransitRoleArn, MultiRegionConsistency, " +
			"DeletionProtectionEnabled, OnDemandThroughput, WarmThroughput or TableClass is required")
	case in.BillingMode != nil && *in.BillingMode == "PAY_PER_REQUEST" && in.ProvisionedThroughput != nil:
		return invalidParameter("Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when " +
			"BillingMode is PAY_PER_REQUEST")
	case in.ProvisionedThroughput != nil:
		if err := checkThroughput(in.ProvisionedThroughput); err != nil {
			return err
		}
	}
	return checkIndexUpdates(in.GlobalSecondaryIndexUpdates)
}

// changeKey puts the table under another key. Nothing else may come with it, and nobody else changes the key
// or deletes the table meanwhile.
func (s *Service) changeKey(
	ctx context.Context, caller *auth.Caller, t *engine.Table, in *dynamodbapi.UpdateTableInput,
) (*dynamodbapi.UpdateTableOutput, error) {
	wanted, err := readEncryption(in.SSESpecification)
	if err != nil {
		return nil, err
	}
	release, err := s.keys.Hold(t.ID)
	if err != nil {
		return nil, encryptionBusy(t)
	}
	updated, err := s.changeHeldKey(ctx, caller, t, wanted)
	if !errors.Is(err, engine.ErrUncertain) { // which key counts is known after a restart
		release()
	}
	if err != nil {
		return nil, err
	}
	// As it was when the change began: a transition may be over by now, and its first phase is what clients
	// expect.
	return &dynamodbapi.UpdateTableOutput{TableDescription: describe(updated,
		updated.Encryption.ChangedAt)}, nil
}

// changeHeldKey is changeKey for a table that is held, by its description as it is now. Nobody deletes the
// table meanwhile, so that no other takes its name.
func (s *Service) changeHeldKey(
	ctx context.Context, caller *auth.Caller, seen *engine.Table, wanted wantedKey,
) (updated *engine.Table, err error) {
	t, err := s.engine.Table(seen.Name)
	if err != nil || t.ID != seen.ID {
		return nil, notFound("Requested resource not found: Table: %s not found", seen.Name.Table)
	}
	now, mends := s.clock.Now(), s.keys.LacksGrant(ctx, t)
	if err := s.checkKeyChange(t, wanted, now, mends); err != nil {
		return nil, err
	}
	key, err := s.chooseKey(ctx, caller, wanted)
	if err != nil {
		return nil, err
	}
	err = s.keys.Change(ctx, caller, t, key, func() error {
		updated, err = s.engine.UpdateTable(ctx, t.Name, func(next *engine.Table) error {
			recordChange(&next.Encryption, key, now, s.transition)
			return nil
		})
		return err
	})
	return updated, keyServiceRefusal(err)
}

// checkKeyChange says whether the table may come under another key now. One whose grant was revoked is mended
// by its own key.
func (s *Service) checkKeyChange(t *engine.Table, wanted wantedKey, now time.Time, mends bool) error {
	switch status(t, now) {
	case "CREATING", "DELETING", "ARCHIVED":
		return tableBusy(t, now)
	}
	if now.Before(t.Encryption.SettlesAt) {
		return encryptionBusy(t)
	}
	if err := checkSameKey(t.Encryption.Key, wanted); err != nil && !mends {
		return err
	}
	return checkChangeQuota(&t.Encryption, wanted, now)
}

func encryptionBusy(t *engine.Table) error {
	return inUse("Attempt to change a resource which is still in use: Table: %s Server-Side Encryption "+
		"is still being updated", t.Name.Table)
}

// sameTable guards against a table that was deleted and made anew under its name while a request was under
// way.
func sameTable(next, t *engine.Table) error {
	if next.ID != t.ID {
		return notFound("Requested resource not found: Table: %s not found", t.Name.Table)
	}
	return nil
}

func tableBusy(t *engine.Table, now time.Time) error {
	state := map[string]string{"CREATING": "created", "UPDATING": "updated",
		"DELETING": "deleted"}[status(t, now)]
	if state == "" {
		return inUse("Attempt to change a resource which is still in use: Table: %s", t.Name.Table)
	}
	return inUse("Attempt to change a resource which is still in use: Table is being %s: %s", state,
		t.Name.Table)
}

// changesSettings says whether the request asks for anything but a change of key.
func changesSettings(in *dynamodbapi.UpdateTableInput) bool {
	return changesCapacity(in) || in.DeletionProtectionEnabled != nil || in.TableClass != nil ||
		in.OnDemandThroughput != nil || in.WarmThroughput != nil ||
		in.StreamSpecification != nil || len(in.GlobalSecondaryIndexUpdates) > 0
}

// changesCapacity says whether the request asks for a change of mode or of provisioned throughput.
func changesCapacity(in *dynamodbapi.UpdateTableInput) bool {
	return in.BillingMode != nil || in.ProvisionedThroughput != nil
}

// changeSettings applies everything but the key.
func (s *Service) changeSettings(
	ctx context.Context, t *engine.Table, in *dynamodbapi.UpdateTableInput,
) (*dynamodbapi.UpdateTableOutput, error) {
	now := s.clock.Now()
	updated, err := s.engine.UpdateTable(ctx, t.Name, func(next *engine.Table) error {
		if err := sameTable(next, t); err != nil {
			return err
		}
		if err := checkChangeable(next, in, now); err != nil {
			return err
		}
		if changesCapacity(in) || in.TableClass != nil || in.StreamSpecification != nil ||
			changesIndexes(in) {
			next.Updating, next.ActiveAt = true, now.Add(s.transition)
		}
		if err := s.applySettings(next, in, now); err != nil ||
			in.ProvisionedThroughput == nil && in.GlobalSecondaryIndexUpdates == nil {
			return err
		}
		return s.checkThroughputQuota(next)
	})
	if errors.Is(err, engine.ErrNoTable) {
		return nil, notFound("Requested resource not found: Table: %s not found", t.Name.Table)
	}
	if err != nil {
		return nil, err
	}
	if changesIndexes(in) {
		s.tendIndexes(updated)
	}
	return &dynamodbapi.UpdateTableOutput{TableDescription: describe(updated, now)}, nil
}

// checkChangeable refuses changes of a table that is on its way in or out, and changes of what is being
// changed. Protection can be switched, and the limits of on-demand mode set, while something else changes.
func checkChangeable(t *engine.Table, in *dynamodbapi.UpdateTableInput, now time.Time) error {
	switch status(t, now) {
	case "CREATING", "DELETING", "ARCHIVED":
		return tableBusy(t, now)
	case "UPDATING":
		if changesCapacity(in) {
			return inUse("Attempt to change a resource which is still in use: Table IOPS are currently "+
				"being updated. Table: %s", t.Name.Table)
		}
		if in.TableClass != nil || in.StreamSpecification != nil || changesIndexes(in) {
			return tableBusy(t, now)
		}
	}
	return nil
}

func (s *Service) applySettings(t *engine.Table, in *dynamodbapi.UpdateTableInput, now time.Time) error {
	wasOnDemand := t.PayPerRequest
	if !changesIndexes(in) {
		if err := checkDefinitions(t, in.AttributeDefinitions); err != nil {
			return err
		}
	}
	if err := changeStream(t, in.StreamSpecification, now, t.ActiveAt); err != nil {
		return err
	}
	if in.DeletionProtectionEnabled != nil {
		t.DeletionProtection = *in.DeletionProtectionEnabled
	}
	if in.TableClass != nil {
		if err := changeClass(t, *in.TableClass, now); err != nil {
			return err
		}
	}
	if err := applyCapacity(t, in, now); err != nil {
		return err
	}
	if err := s.applyIndexUpdates(t, in, t.PayPerRequest != wasOnDemand, now); err != nil {
		return err
	}
	if err := setOnDemand(t, in.OnDemandThroughput, false); err != nil {
		return err
	}
	return warmedTable(t).set(in.WarmThroughput, false, now.Add(s.transition))
}

// applyCapacity changes the mode, or the provisioned throughput.
func applyCapacity(t *engine.Table, in *dynamodbapi.UpdateTableInput, now time.Time) error {
	if !changesCapacity(in) {
		return nil
	}
	keepWarm(t)
	if in.BillingMode != nil && (*in.BillingMode == "PAY_PER_REQUEST") != t.PayPerRequest {
		return changeBilling(t, in, now)
	}
	if in.ProvisionedThroughput == nil {
		return nil
	}
	if t.PayPerRequest {
		return invalidParameter("Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when " +
			"BillingMode is PAY_PER_REQUEST")
	}
	return changeUnits(&t.Throughput, "table", *in.ProvisionedThroughput.ReadCapacityUnits,
		*in.ProvisionedThroughput.WriteCapacityUnits, now)
}

func changeBilling(t *engine.Table, in *dynamodbapi.UpdateTableInput, now time.Time) error {
	if *in.BillingMode == "PAY_PER_REQUEST" {
		if err := notePayPerRequest(t, now); err != nil {
			return err
		}
	} else if in.ProvisionedThroughput == nil {
		return invalidParameter("ProvisionedThroughput must be specified when BillingMode is PROVISIONED")
	}
	t.OnDemandRead, t.OnDemandWrite = nil, nil
	return readBilling(t, in.BillingMode, in.ProvisionedThroughput, now)
}

// checkDefinitions lets a request repeat the table's attribute definitions: without a new index there is
// nothing to define.
func checkDefinitions(t *engine.Table, given []dynamodbapi.AttributeDefinition) error {
	definitions, err := readDefinitions(given)
	if err != nil || len(given) == 0 {
		return err
	}
	for _, d := range definitions {
		if !slices.Contains(t.Attributes, d) {
			return invalidParameter("Some AttributeDefinitions are not used. AttributeDefinitions: [%s], "+
				"keys used: [%s]",
				strings.Join(definedNames(definitions), ", "), strings.Join(t.KeyNames(), ", "))
		}
	}
	return nil
}

// changeUnits changes the throughput of what is named. It keeps count of the decreases of the day, which
// start anew at midnight UTC.
func changeUnits(p *engine.Throughput, what string, read, write int64, now time.Time) error {
	kind, _, _ := strings.Cut(what, " ")
	if read == p.Read && write == p.Write {
		return invalid("The provisioned throughput for the %s will not change. The requested value equals "+
			"the current value. "+
			"Current ReadCapacityUnits provisioned for the %s: %d. Requested ReadCapacityUnits: %d. "+
			"Current WriteCapacityUnits provisioned for the %s: %d. Requested WriteCapacityUnits: %d. "+
			"Refer to the Amazon DynamoDB Developer Guide for current limits and how to request higher "+
			"limits.",
			what, kind, p.Read, read, kind, p.Write, write)
	}
	if read > p.Read || write > p.Write {
		p.LastIncrease = now
	}
	if read < p.Read || write < p.Write {
		p.DecreasesToday = decreasesOn(p, now)
		if err := checkDecrease(p, now); err != nil {
			return err
		}
		p.LastDecrease, p.DecreasesCountedOn = now, now
		p.DecreasesToday++
	}
	p.Read, p.Write = read, write
	return nil
}

func (s *Service) deleteTable(
	ctx context.Context, _ *auth.Caller, _ *dynamodbapi.DeleteTableInput, of target,
) (*dynamodbapi.DeleteTableOutput, error) {
	t, err := of.there()
	if err != nil {
		return nil, err
	}
	release, err := s.keys.Hold(t.ID)
	if err != nil {
		return nil, inUpdate(t)
	}
	defer release()
	now := s.clock.Now()
	updated, err := s.engine.UpdateTable(ctx, t.Name, func(next *engine.Table) error {
		if err := sameTable(next, t); err != nil {
			return err
		}
		if err := checkDeletable(next, now); err != nil {
			return err
		}
		next.Deleting = true
		return nil
	})
	if err != nil {
		return nil, refusal(err)
	}
	return &dynamodbapi.DeleteTableOutput{TableDescription: describe(updated, now)}, s.finishDeletion(ctx,
		updated, now)
}

func checkDeletable(t *engine.Table, now time.Time) error {
	if t.DeletionProtection {
		return invalid("Resource cannot be deleted as it is currently protected against deletion. Disable " +
			"deletion protection first.")
	}
	if now.Before(t.Encryption.SettlesAt) {
		return inUpdate(t)
	}
	switch status(t, now) {
	case "UPDATING":
		return inUpdate(t)
	case "CREATING", "DELETING":
		return tableBusy(t, now)
	}
	return nil
}

func inUpdate(t *engine.Table) error {
	return inUse("Attempt to change a resource which is still in use: Table: %s is in the process of "+
		"being updated.", t.Name.Table)
}

// finishDeletion erases the table now, or when DELETING has been visible for as long as it should be.
func (s *Service) finishDeletion(ctx context.Context, t *engine.Table, now time.Time) error {
	ctx = context.WithoutCancel(ctx)
	if s.transition == instant {
		return refusal(s.erase(ctx, t))
	}
	s.clock.At(now.Add(s.transition), func(time.Time) time.Time {
		if err := s.erase(ctx, t); err != nil && !errors.Is(err, engine.ErrNoTable) {
			return s.clock.Now().Add(deletionRetry)
		}
		return clock.Done()
	})
	return nil
}

// erase deletes a table, and what is remembered of it.
func (s *Service) erase(ctx context.Context, t *engine.Table) error {
	err := s.engine.DeleteTable(ctx, t.Name, t.ID)
	s.policies.forget(t.ID)
	s.limits.forget(t.ID)
	return err
}

// deletionRetry is how long to wait before a deletion that failed is tried again.
const deletionRetry = time.Minute

// ResumeDeletions goes on with the deletions that a stop of the server interrupted.
func (s *Service) ResumeDeletions(ctx context.Context) error {
	for _, t := range s.engine.AllTables() {
		if !t.Deleting {
			continue
		}
		if err := s.finishDeletion(ctx, t, s.clock.Now()); err != nil {
			return err
		}
	}
	return nil
}
