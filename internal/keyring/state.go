package keyring

// State is the state of a key, in the words of the KMS API.
type State string

// The states of keys.
const (
	Enabled                State = "Enabled"
	KeyDisabled            State = "Disabled"
	PendingDeletion        State = "PendingDeletion"
	PendingReplicaDeletion State = "PendingReplicaDeletion"
	PendingImport          State = "PendingImport"
	Creating               State = "Creating"
	Updating               State = "Updating"
	Unavailable            State = "Unavailable"
	// Erased is the state of a key that is no more, as seen by those who still hold it.
	Erased State = "Erased"
)

// passing says that the state ends by itself and is never written down.
func (s State) passing() bool { return s == Unavailable || s == Creating || s == Updating }

// Operation is an operation on a key, by its name in the KMS API.
type Operation string

// A verdict is what the state of a key says to an operation.
type verdict uint8

const (
	fine verdict = iota
	isDisabled
	isPendingDeletion
	notPendingDeletion
	isPendingImport
	isCreating
	isUpdating
	isUnavailable
)

// A stateRow says what the states of a key mean to some operations. States that it does not name let the
// operation pass.
type stateRow struct {
	operations []Operation
	verdicts   map[State]verdict
	// onlyKMS refuses keys whose material was imported, onlyExternal all others, onlySymmetric keys of other
	// specs: whatever their state.
	onlyKMS, onlyExternal, onlySymmetric bool
}

// stateTable is the table of "Key states of AWS KMS keys" in the AWS KMS Developer Guide. Where that page
// allows two exceptions for a key that is pending deletion, this is the one that the service sends.
// Operations that no row names pass in every state.
var stateTable = []stateRow{
	{
		operations: []Operation{"CreateAlias", "UpdateAlias", "TagResource", "UntagResource",
			"UpdateKeyDescription"},
		verdicts: map[State]verdict{PendingDeletion: isPendingDeletion},
	}, {
		operations: []Operation{"CreateGrant"},
		verdicts: map[State]verdict{
			KeyDisabled: isDisabled, PendingDeletion: isPendingDeletion, PendingImport: isPendingImport,
			Creating: isCreating,
		},
	}, {
		operations: []Operation{"ReplicateKey"},
		verdicts: map[State]verdict{
			KeyDisabled: isDisabled, PendingDeletion: isPendingDeletion, PendingImport: isPendingImport,
			Creating: isCreating,
			Updating: isUpdating, Unavailable: isUnavailable,
		},
	}, {
		operations: []Operation{"UpdatePrimaryRegion"},
		verdicts: map[State]verdict{
			KeyDisabled: isDisabled, PendingDeletion: isPendingDeletion, PendingImport: isPendingImport,
			Creating:    isCreating,
			Unavailable: isUnavailable,
		},
	}, {
		operations: []Operation{
			"Encrypt", "Decrypt", "ReEncrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext",
			"GenerateDataKeyPair",
			"GenerateDataKeyPairWithoutPlaintext", "GenerateMac", "VerifyMac", "Sign", "Verify",
			"GetPublicKey",
			"DeriveSharedSecret",
		},
		verdicts: map[State]verdict{
			KeyDisabled: isDisabled, PendingDeletion: isPendingDeletion, PendingImport: isPendingImport,
			Creating:    isCreating,
			Unavailable: isUnavailable,
		},
	}, {
		operations: []Operation{"EnableKey", "DisableKey"},
		verdicts: map[State]verdict{
			PendingDeletion: isPendingDeletion, PendingImport: isPendingImport, Creating: isCreating,
			Updating:    isUpdating,
			Unavailable: isUnavailable,
		},
	}, {
		operations: []Operation{"EnableKeyRotation", "DisableKeyRotation"},
		verdicts: map[State]verdict{
			KeyDisabled: isDisabled, PendingDeletion: isPendingDeletion, PendingImport: isPendingImport,
			Creating: isCreating,
		},
		onlyKMS: true, onlySymmetric: true,
	}, {
		// Of a key whose spec is not rotated it says that it is not, which Terraform asks of every key.
		operations: []Operation{"GetKeyRotationStatus"},
		onlyKMS:    true,
	}, {
		operations: []Operation{"RotateKeyOnDemand"},
		verdicts: map[State]verdict{
			KeyDisabled: isDisabled, PendingDeletion: isPendingDeletion, PendingImport: isPendingImport,
			Creating: isCreating,
			Updating: isUpdating, Unavailable: isUnavailable,
		},
		onlySymmetric: true,
	}, {
		operations: []Operation{"GetParametersForImport"},
		verdicts: map[State]verdict{PendingDeletion: isPendingDeletion, Creating: isCreating,
			Updating: isUpdating},
		onlyExternal: true,
	}, {
		operations:   []Operation{"ImportKeyMaterial"},
		verdicts:     map[State]verdict{PendingDeletion: isPendingDeletion, Creating: isCreating},
		onlyExternal: true,
	}, {
		operations:   []Operation{"DeleteImportedKeyMaterial"},
		verdicts:     map[State]verdict{Creating: isCreating, Updating: isUpdating},
		onlyExternal: true,
	}, {
		operations: []Operation{"ScheduleKeyDeletion"},
		verdicts:   map[State]verdict{PendingDeletion: isPendingDeletion, Updating: isUpdating},
	}, {
		operations: []Operation{"CancelKeyDeletion"},
		verdicts: map[State]verdict{
			Enabled: notPendingDeletion, KeyDisabled: notPendingDeletion, PendingImport: notPendingDeletion,
			Creating: notPendingDeletion, Updating: notPendingDeletion, Unavailable: notPendingDeletion,
		},
	},
}

// stateRules is stateTable by operation.
var stateRules = func() map[Operation]*stateRow {
	rules := make(map[Operation]*stateRow)
	for i := range stateTable {
		for _, op := range stateTable[i].operations {
			rules[op] = &stateTable[i]
		}
	}
	return rules
}()

// Permits says whether the key's state and origin let op run; the error is the client's.
func (m *Metadata) Permits(op Operation) error {
	if m.State == Erased {
		return keyMissing(m.ARN())
	}
	row := stateRules[op]
	if row == nil {
		return nil
	}
	if row.onlySymmetric && m.Spec != Symmetric {
		return &Error{Kind: Unsupported}
	}
	if row.onlyKMS && m.Origin != OriginKMS || row.onlyExternal && m.Origin != OriginExternal {
		return fail(Unsupported, "%s origin is %s which is not valid for this operation.", m.ARN(), m.Origin)
	}
	state := m.State
	if state == PendingReplicaDeletion {
		state = PendingDeletion
	}
	return row.verdicts[state].toError(m.ARN())
}

func (v verdict) toError(arn string) error {
	switch v {
	case fine:
		return nil
	case isDisabled:
		return fail(Disabled, "%s is disabled.", arn)
	case isPendingDeletion:
		return fail(InvalidState, "%s is pending deletion.", arn)
	case notPendingDeletion:
		return fail(InvalidState, "%s is not pending deletion.", arn)
	case isPendingImport:
		return fail(InvalidState, "%s is pending import.", arn)
	case isCreating:
		return fail(InvalidState, "%s is creating.", arn)
	case isUpdating:
		return fail(InvalidState, "%s is updating.", arn)
	}
	return fail(InvalidState, "%s is unavailable.", arn)
}
