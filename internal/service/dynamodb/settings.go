package dynamodb

import (
	"slices"
	"time"

	"github.com/sealtable/sealtable/internal/api"
	"github.com/sealtable/sealtable/internal/api/dynamodbapi"
	"github.com/sealtable/sealtable/internal/engine"
)

func limitExceeded(message string) error {
	return &api.Error{Code: "LimitExceededException", Message: message}
}

// checkAlone refuses settings that must be the only ones in their request.
func checkAlone(in *dynamodbapi.UpdateTableInput) error {
	kinds := 0
	for _, asked := range []bool{
		in.SSESpecification != nil, in.TableClass != nil, in.DeletionProtectionEnabled != nil,
		in.WarmThroughput != nil,
		in.ProvisionedThroughput != nil || in.BillingMode != nil || in.OnDemandThroughput != nil,
		len(in.GlobalSecondaryIndexUpdates) > 0, in.StreamSpecification != nil,
	} {
		if asked {
			kinds++
		}
	}
	switch {
	case in.OnDemandThroughput != nil && (kinds > 1 || in.ProvisionedThroughput != nil):
		return invalidParameter("OnDemandThroughput can only be combined with BillingMode in an " +
			"UpdateTable request")
	case kinds < 2:
		return nil
	case in.SSESpecification != nil:
		return invalidParameter("Server-Side Encryption modification must be the only operation in the " +
			"request")
	case in.TableClass != nil:
		return invalidParameter("TableClass modification must be the only operation in the request")
	case in.DeletionProtectionEnabled != nil:
		return invalidParameter("DeletionProtection modification must be the only operation in the request")
	case in.WarmThroughput != nil && !warmsIndexes(in):
		return invalidParameter("WarmThroughput must be the only operation in the request")
	}
	return nil
}

// warmsIndexes says whether a change of warm throughput comes with nothing but those of indexes.
func warmsIndexes(in *dynamodbapi.UpdateTableInput) bool {
	for _, u := range in.GlobalSecondaryIndexUpdates {
		if u.Update == nil || u.Update.WarmThroughput == nil {
			return false
		}
	}
	return len(in.GlobalSecondaryIndexUpdates) > 0 && in.ProvisionedThroughput == nil &&
		in.BillingMode == nil && in.StreamSpecification == nil
}

// Quotas of changes: of the class ("DynamoDB table classes"), and of going over to on-demand mode
// ("Considerations when switching capacity modes"), each in a window that moves along.
const (
	classChanges      = 2
	classWindow       = 30 * 24 * time.Hour
	payChanges        = 4
	payWindow         = 24 * time.Hour
	freeDecreases     = 4
	decreaseInterval  = time.Hour
	decreaseTimeStyle = "Monday, January 2, 2006 at 3:04:05 PM Coordinated Universal Time"
)

// within are the times that lie in the window that ends now.
func within(times []time.Time, window time.Duration, now time.Time) []time.Time {
	return slices.DeleteFunc(times, func(t time.Time) bool { return !now.Before(t.Add(window)) })
}

// changeClass puts the table into a class. The class that it has already is no change.
func changeClass(t *engine.Table, class string, now time.Time) error {
	if class == t.Class || t.Class == "" && class == "STANDARD" {
		return nil
	}
	t.ClassChanges = within(t.ClassChanges, classWindow, now)
	if len(t.ClassChanges) >= classChanges {
		return limitExceeded("Subscriber limit exceeded: Updates to TableClass are limited to 2 times in " +
			"30 day(s).")
	}
	t.Class, t.ClassChanged, t.ClassChanges = class, now, append(t.ClassChanges, now)
	return nil
}

// notePayPerRequest counts a change to on-demand mode.
func notePayPerRequest(t *engine.Table, now time.Time) error {
	t.ToPayPerRequest = within(t.ToPayPerRequest, payWindow, now)
	if len(t.ToPayPerRequest) >= payChanges {
		const style = "Mon Jan 02 15:04:05 MST 2006"
		return limitExceeded("Subscriber limit exceeded: Update to PayPerRequest mode are limited to " +
			decimal(payChanges) + " times in 1 day(s). Last update at " +
			t.ToPayPerRequest[len(t.ToPayPerRequest)-1].Format(style) + ". Next update can be made at " +
			t.ToPayPerRequest[0].Add(payWindow).Format(style) + ".")
	}
	t.ToPayPerRequest = append(t.ToPayPerRequest, now)
	return nil
}

// checkDecrease says whether throughput may be lowered again today: a few times at once, then once per
// interval.
func checkDecrease(p *engine.Throughput, now time.Time) error {
	next := p.LastDecrease.Add(decreaseInterval)
	if p.DecreasesToday < freeDecreases || !now.Before(next) {
		return nil
	}
	return limitExceeded("Subscriber limit exceeded: Provisioned throughput decreases are limited within a " +
		"given UTC day. After the first " + decimal(freeDecreases) +
		" decreases, each subsequent decrease in the same UTC day can be performed at most once every 3600 " +
		"seconds. Number of decreases today: " +
		decimal(int(p.DecreasesToday)) + ". Last decrease at " + p.LastDecrease.Format(decreaseTimeStyle) +
		". Next decrease can be made at " + next.Format(decreaseTimeStyle))
}

// unlimited is what a request gives to take a limit of on-demand throughput away.
const unlimited = -1

// setOnDemand sets the limits that a request names and leaves the other; created says that the table is about
// to be, which has none to take away.
func setOnDemand(t *engine.Table, given *dynamodbapi.OnDemandThroughput, created bool) error {
	return setOnDemandOf(t, "table", given, created, &t.OnDemandRead, &t.OnDemandWrite)
}

// setOnDemandOf is setOnDemand for the table or one of its indexes, whose limits are kept in read and write.
func setOnDemandOf(
	t *engine.Table, what string, given *dynamodbapi.OnDemandThroughput, created bool, read, write **int64,
) error {
	if given == nil {
		return nil
	}
	for _, limit := range []struct {
		name, quota string
		given       *int64
		kept        **int64
	}{
		{"MaxReadRequestUnits", "TableMaxReadCapacityUnits", given.MaxReadRequestUnits, read},
		{"MaxWriteRequestUnits", "TableMaxWriteCapacityUnits", given.MaxWriteRequestUnits, write},
	} {
		switch {
		case limit.given == nil:
		case !t.PayPerRequest && created:
			return invalidParameter("%s for OnDemandThroughput cannot be specified when table BillingMode "+
				"is PROVISIONED.", limit.name)
		case !t.PayPerRequest:
			return invalidParameter("%s for OnDemandThroughput cannot be specified when the table "+
				"BillingMode is PROVISIONED", limit.name)
		case *limit.given == unlimited && !created:
			*limit.kept = nil
		case *limit.given < 1:
			return invalidParameter("Requested %s for OnDemandThroughput for %s is outside of valid range",
				limit.name, what)
		case *limit.given > maxTableUnits:
			return limitExceeded("Subscriber limit exceeded: Requested " + limit.name +
				" for OnDemandThroughput for " + what + " exceeds " + limit.quota +
				" of the account in region " + t.Name.Region)
		default:
			*limit.kept = limit.given
		}
	}
	return nil
}

func describeOnDemand(read, write *int64) *dynamodbapi.OnDemandThroughput {
	if read == nil && write == nil {
		return nil
	}
	return &dynamodbapi.OnDemandThroughput{MaxReadRequestUnits: read, MaxWriteRequestUnits: write}
}
