// timesale over HTTP, with nothing but Go's own library (1.19 or newer).
//
//	go run timesale.go BASE SALE USER QUANTITY KEY [TRIES [PATIENCE]]
//
// orders, prints the answer and exits with 0; 1: refused; 2: not done; 3: the outcome is not known.
package main

import (
	"bytes"
	"crypto/sha1"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand"
	"net"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Refused: the answer is no. Not Certain: an attempt before it may still be on its way, and be carried out after it.
type Refused struct {
	Status  int
	Code    string
	Detail  string
	Certain bool
}

func (r *Refused) Error() string { return "Refused: " + r.Code + ": " + r.Detail }

// ErrNotDone: no attempt was carried out. Try again later, or leave it.
var ErrNotDone = errors.New("NotDone")

// ErrOutcomeUnknown: it may have been carried out. Only the same request with the same key can tell: go on with them
// later.
var ErrOutcomeUnknown = errors.New("OutcomeUnknown")

// A Timesale gives a try a quarter of the patience. Pauses are drawn from 0 up to a bound that doubles.
type Timesale struct {
	Base, Token     string
	Tries           int
	Patience        time.Duration
	Pause, PauseMax time.Duration
}

func (t *Timesale) Order(sale, user string, quantity int, key string) (json.RawMessage, error) {
	return t.Call("POST", "/v1/timesales/"+sale+"/orders", map[string]any{"userId": user, "quantity": quantity}, key)
}

// Confirm is idempotent by nature; with a key the server can also say that a retry is safe.
func (t *Timesale) Confirm(order string) (json.RawMessage, error) {
	return t.Call("POST", "/v1/orders/"+order+"/confirm", struct{}{}, order)
}

// Call sends one request until it is decided, always with the same key, but not beyond the tries and the patience.
func (t *Timesale) Call(method, path string, body any, key string) (json.RawMessage, error) {
	payload, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	end := time.Now().Add(t.Patience)
	certain, reason := true, ""
	for number := 0; number < t.Tries; number++ {
		wait := time.Duration(0)
		response, answer, err := t.send(method, path, payload, key)
		if err != nil {
			var network *net.OpError
			isDialing := errors.As(err, &network) && network.Op == "dial"
			certain, reason = certain && isDialing, err.Error()
		} else {
			status := response.StatusCode
			if status >= 200 && status < 300 && json.Valid(answer) {
				return answer, nil
			}
			var problem struct {
				Code, Detail string
				Retryable    *bool
			}
			_ = json.Unmarshal(answer, &problem) // what is no JSON has no code
			reason = fmt.Sprint(status, " ", problem.Code)
			// An answer without a code is not of timesale: a proxy does not know what happened behind it.
			decided := problem.Code != "OUTCOME_UNKNOWN" && (problem.Code != "" || status >= 400 && status < 500)
			certain = certain && decided
			retryable := status == 429 || status >= 502 && status <= 504
			if problem.Retryable != nil {
				retryable = *problem.Retryable
			}
			if !retryable && decided {
				return nil, &Refused{status, problem.Code, problem.Detail, certain}
			} else if !retryable {
				break
			}
			wait = retryAfter(response.Header.Get("Retry-After"))
		}
		bound := t.PauseMax
		if number < 20 && t.Pause<<number < bound {
			bound = t.Pause << number
		}
		wait += time.Duration(rand.Int63n(int64(bound)))
		if number+1 == t.Tries || time.Now().Add(wait).After(end) {
			break
		}
		time.Sleep(wait)
	}
	if certain {
		return nil, fmt.Errorf("%w: %s", ErrNotDone, reason)
	}
	return nil, fmt.Errorf("%w: %s", ErrOutcomeUnknown, reason)
}

func (t *Timesale) send(method, path string, payload []byte, key string) (*http.Response, []byte, error) {
	request, err := http.NewRequest(method, strings.TrimSuffix(t.Base, "/")+path, bytes.NewReader(payload))
	if err != nil {
		return nil, nil, err
	}
	// With an Idempotency-Key, Go would by itself send it again at once; it could not without this function.
	request.GetBody = nil
	request.Header.Set("Content-Type", "application/json")
	if key != "" {
		request.Header.Set("Idempotency-Key", key)
	}
	if t.Token != "" {
		request.Header.Set("Authorization", "Bearer "+t.Token)
	}
	client := http.Client{Timeout: t.Patience / 4}
	response, err := client.Do(request)
	if err != nil {
		return nil, nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	return response, answer, err
}

// retryAfter reads seconds, or a date (RFC 9110, 10.2.3).
func retryAfter(text string) time.Duration {
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if date, err := http.ParseTime(text); err == nil && time.Until(date) > 0 {
		return time.Until(date)
	}
	return 0
}

var isID = regexp.MustCompile(`^(\d{1,20}|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})$`)

// UserID: numbers below 2^64 and UUIDs are user ids; any other key of a shop becomes a UUID of version 5.
func UserID(key string) string {
	if isID.MatchString(key) {
		return key
	}
	urls := "\x6b\xa7\xb8\x11\x9d\xad\x11\xd1\x80\xb4\x00\xc0\x4f\xd4\x30\xc8" // RFC 9562: the namespace of URLs
	hash := sha1.Sum([]byte(urls + "https://shop.example/users/" + key))
	hash[6] = hash[6]&0x0f | 0x50
	hash[8] = hash[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", hash[:4], hash[4:6], hash[6:8], hash[8:10], hash[10:16])
}

func main() {
	rand.Seed(time.Now().UnixNano())
	words := os.Args[1:]
	words = append(words, []string{"8", "20"}[len(words)-5:]...)
	quantity, _ := strconv.Atoi(words[3])
	tries, _ := strconv.Atoi(words[5])
	patience, _ := strconv.ParseFloat(words[6], 64)
	shop := Timesale{
		Base: words[0], Tries: tries, Patience: time.Duration(patience * float64(time.Second)),
		Pause: 100 * time.Millisecond, PauseMax: 3 * time.Second}
	answer, err := shop.Order(words[1], UserID(words[2]), quantity, words[4])
	if err == nil {
		fmt.Println(string(answer))
		return
	}
	fmt.Fprintln(os.Stderr, err)
	var refused *Refused
	switch {
	case errors.As(err, &refused):
		os.Exit(1)
	case errors.Is(err, ErrNotDone):
		os.Exit(2)
	}
	os.Exit(3)
}
