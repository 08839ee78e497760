package dynamodb_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
)

const accounts, deposit = 4, 100

// transfer moves one from one account to another, of two tables, unless there is nothing to move.
func transfer(from, to int) string {
	update := func(account int, expression, more string) string {
		return fmt.Sprintf(`{"Update":{"TableName":"%s","Key":%s,"UpdateExpression":"%s","ExpressionAttributeValues":{":one":{"N":"1"}}%s}}`,
			accountTable(account), accountKey(account), expression, more)
	}
	return `{"TransactItems":[` + update(from, "SET n = n - :one", `,"ConditionExpression":"n >= :one"`) + "," +
		update(to, "SET n = n + :one", "") + `]}`
}

func accountTable(account int) string { return []string{"plain", "sorted"}[account%2] }

func accountKey(account int) string {
	if account%2 == 0 {
		return fmt.Sprintf(`{"pk":{"S":"%d"}}`, account)
	}
	return fmt.Sprintf(`{"pk":{"S":"%d"},"sk":{"S":"x"}}`, account)
}

// balance reads all accounts in one transaction.
func (w *world) balance() (sum int) {
	var gets []string
	for account := range accounts {
		gets = append(gets, fmt.Sprintf(`{"Get":{"TableName":"%s","Key":%s}}`, accountTable(account), accountKey(account)))
	}
	var answer struct {
		Responses []struct {
			Item struct {
				N struct {
					N int `json:",string"`
				} `json:"n"`
			}
		}
	}
	_, body := w.call("TransactGetItems", `{"TransactItems":[`+strings.Join(gets, ",")+`]}`)
	if err := json.Unmarshal(body, &answer); err != nil {
		w.t.Errorf("%s: %v", body, err)
	}
	for _, r := range answer.Responses {
		sum += r.Item.N.N
	}
	return sum
}

// TestTransfers: transactions at the same time, over two tables, neither make nor lose anything, and nobody sees half of one (P4).
func TestTransfers(t *testing.T) {
	w := newTables(t)
	for account := range accounts {
		w.must("UpdateItem",
			fmt.Sprintf(`{"TableName":"%s","Key":%s,"UpdateExpression":"SET n = :n","ExpressionAttributeValues":{":n":{"N":"%d"}}}`,
				accountTable(account), accountKey(account), deposit))
	}
	var all sync.WaitGroup
	for worker := range 6 {
		random := rand.New(rand.NewPCG(1, uint64(worker)))
		all.Go(func() {
			for range 40 {
				from := random.IntN(accounts)
				to := (from + 1 + random.IntN(accounts-1)) % accounts
				if status, answer := w.call("TransactWriteItems", transfer(from, to)); status != 200 &&
					!strings.Contains(string(answer), "ConditionalCheckFailed") {
					t.Errorf("%d %s", status, answer)
				}
				if sum := w.balance(); sum != accounts*deposit {
					t.Errorf("somebody saw %d of %d", sum, accounts*deposit)
				}
			}
		})
	}
	all.Wait()
}
