package dynamodb

import (
	"time"

	"github.com/sealtable/sealtable/internal/api"
	"github.com/sealtable/sealtable/internal/api/dynamodbapi"
	"github.com/sealtable/sealtable/internal/engine"
)

// wantedKey is what an SSESpecification asks for.
type wantedKey struct {
	kind  engine.KeyKind
	keyID string // empty unless the request names a key
}

// readEncryption says which key an SSESpecification asks for. Absent, empty and disabled ones ask for the AWS
// owned key.
func readEncryption(spec *dynamodbapi.SSESpecification) (wantedKey, error) {
	owned := wantedKey{kind: engine.AWSOwned}
	if spec == nil {
		return owned, nil
	}
	if spec.Enabled != nil && !*spec.Enabled {
		switch {
		case spec.SSEType != nil:
			return owned, invalidParameter("SSEType can not be specified if Enabled is false")
		case spec.KMSMasterKeyId != nil:
			return owned, invalidParameter("KMSMasterKeyId can not be specified if Enabled is false")
		}
		return owned, nil
	}
	switch {
	case spec.SSEType != nil && *spec.SSEType != "KMS":
		return owned, invalidParameter("SSEType %s is not supported", *spec.SSEType)
	case spec.KMSMasterKeyId != nil && spec.SSEType == nil:
		return owned, invalidParameter("SSEType KMS is required if KMSMasterKeyId is specified")
	case spec.KMSMasterKeyId != nil:
		return wantedKey{kind: engine.CustomerManaged, keyID: *spec.KMSMasterKeyId}, nil
	case spec.Enabled == nil && spec.SSEType == nil:
		return owned, nil
	}
	return wantedKey{kind: engine.AWSManaged}, nil
}

// describeEncryption is the SSEDescription at a moment. Under the AWS owned key there is none. A change shows
// the phases that waiters rely on: first the old key, then the new one, then ENABLED.
func describeEncryption(e *engine.Encryption, now time.Time) *dynamodbapi.SSEDescription {
	if now.Before(e.SettlesAt) {
		shown := e.Key
		if now.Before(e.ChangedAt.Add(e.SettlesAt.Sub(e.ChangedAt) * 2 / 5)) {
			shown = e.Previous
		}
		return describeKey(shown, "UPDATING")
	}
	if e.Key.Kind == engine.AWSOwned {
		return nil
	}
	d := describeKey(e.Key, "ENABLED")
	if !e.InaccessibleSince.IsZero() {
		d.InaccessibleEncryptionDateTime = &e.InaccessibleSince
	}
	return d
}

// describeKey leaves out the key when it is the AWS owned one, which nobody can see.
func describeKey(key engine.Key, status string) *dynamodbapi.SSEDescription {
	d := &dynamodbapi.SSEDescription{Status: &status}
	if key.Kind != engine.AWSOwned {
		kms := "KMS"
		d.SSEType, d.KMSMasterKeyArn = &kms, &key.ARN
	}
	return d
}

// checkSameKey refuses a change that changes nothing, where the service recognises it: the AWS owned key
// again, or the current key by its very ARN. The current key by alias or id is a change like any other.
func checkSameKey(current engine.Key, wanted wantedKey) error {
	if wanted.kind == engine.AWSOwned && current.Kind == engine.AWSOwned {
		return invalidParameter("Table is already encrypted by default")
	}
	if current.Kind != engine.AWSOwned && wanted.keyID == current.ARN {
		return invalidParameter("Table is already encrypted with given KMSMasterKeyId. Use KMSMasterKeyId " +
			"parameter if you want to change Master Key")
	}
	return nil
}

// The quota of key changes: so many in a window that starts with the first, then one per interval.
const (
	changeWindow   = 24 * time.Hour
	freeChanges    = 4
	changeInterval = 6 * time.Hour
)

// countedChanges are the changes of the window that now lies in, without those of one that has ended.
func countedChanges(changes []time.Time, now time.Time) []time.Time {
	if len(changes) > 0 && !now.Before(changes[0].Add(changeWindow)) {
		return nil
	}
	return changes
}

// checkChangeQuota says whether another change of key is allowed now. Going back to the AWS owned key always
// is.
func checkChangeQuota(e *engine.Encryption, wanted wantedKey, now time.Time) error {
	changes := countedChanges(e.Changes, now)
	if wanted.kind == engine.AWSOwned || len(changes) < freeChanges {
		return nil
	}
	last := changes[len(changes)-1]
	if !now.Before(last.Add(changeInterval)) {
		return nil
	}
	return &api.Error{Code: "LimitExceededException", Message: "Subscriber limit exceeded: Encryption mode " +
		"changes are limited in the 24h " +
		"window ending at " + iso(changes[0].Add(changeWindow)) +
		". After the first 4 change, each subsequent change in the same window " +
		"can be performed at most once every 21600 seconds. Number of updates today: " +
		decimal(len(changes)) + ". Last change at " + iso(last)}
}

// recordChange puts a table's description under a new key.
func recordChange(e *engine.Encryption, to engine.Key, now time.Time, transition time.Duration) {
	e.Previous, e.Key = e.Key, to
	e.ChangedAt, e.SettlesAt = now, now.Add(transition)
	e.Changes = append(countedChanges(e.Changes, now), now)
	e.InaccessibleSince, e.ArchivedAt = time.Time{}, time.Time{}
}
