// Command ask asks OpenFGA for a decision of Bailiwick, with OpenFGA's official SDK: see docs/store.md.
//
//	. .run/env
//	go run . bob@acme.example App:View project acme prod vision
//	go run . -attributes '{"anonymized": true}' carol@acme.example Dataset:Read resource acme research grasping Dataset 42
package main

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/openfga/go-sdk/client"
	"github.com/openfga/go-sdk/credentials"
)

func main() {
	attributes := flag.String("attributes", "{}", "what conditions are tested against, as a JSON object")
	flag.Parse()
	if flag.NArg() < 4 {
		fmt.Fprintln(os.Stderr, "usage: ask [-attributes JSON] SUBJECT PERMISSION TYPE NAME...")
		os.Exit(2)
	}
	allowed, err := ask(flag.Arg(0), flag.Arg(1), flag.Arg(2), flag.Args()[3:], *attributes)
	if err != nil {
		// No answer is no access.
		fmt.Fprintln(os.Stderr, "ask:", err)
		os.Exit(1)
	}
	fmt.Println(map[bool]string{true: "allowed", false: "denied"}[allowed])
}

// ask says whether the user with this subject holds a permission at a place: its type and its whole path.
func ask(subject, permission, kind string, path []string, attributes string) (bool, error) {
	var values map[string]any
	if err := json.Unmarshal([]byte(attributes), &values); err != nil {
		return false, fmt.Errorf("-attributes: %w", err)
	}
	configuration := &client.ClientConfiguration{ApiUrl: os.Getenv("OPENFGA_API_URL"), StoreId: os.Getenv("OPENFGA_STORE_ID")}
	if key := os.Getenv("OPENFGA_API_TOKEN"); key != "" {
		configuration.Credentials = &credentials.Credentials{
			Method: credentials.CredentialsMethodApiToken, Config: &credentials.Config{ApiToken: key},
		}
	}
	openFGA, err := client.NewSdkClient(configuration)
	if err != nil {
		return false, err
	}
	request := client.ClientCheckRequest{
		User:     id("user", subject),
		Relation: "can",
		Object:   id(kind, path...),
		Context: &map[string]any{
			"permission":   permission,
			"attributes":   values,
			"current_time": time.Now().UTC().Format(time.RFC3339),
		},
	}
	if kind == "resource" && !strings.Contains(request.Object, "~") {
		// The store may know nothing of this object, so the question says where it lies. An id that was
		// cut doesn't show it: of such an object without a grant of its own, ask where it is in.
		above := path[:len(path)-2]
		level := []string{"organization", "workspace", "project"}[len(above)-1]
		request.ContextualTuples = []client.ClientContextualTupleKey{
			{User: id(level, above...), Relation: "parent", Object: request.Object},
		}
	}
	answer, err := openFGA.Check(context.Background()).Body(request).Execute()
	if err != nil {
		return false, err
	}
	return answer.GetAllowed(), nil
}

// id is under which somebody or something stands in the store.
func id(kind string, path ...string) string {
	segments := make([]string, len(path))
	for i, name := range path {
		segments[i] = encode(name)
	}
	full := strings.Join(segments, "/")
	if len(full) > 180 {
		sum := sha256.Sum256([]byte(full))
		full = full[:100] + "~" + base64.RawURLEncoding.EncodeToString(sum[:])
	}
	return kind + ":" + full
}

func encode(name string) string {
	var encoded strings.Builder
	for _, b := range []byte(name) {
		if strings.IndexByte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._@-", b) >= 0 {
			encoded.WriteByte(b)
		} else {
			fmt.Fprintf(&encoded, "%%%02X", b)
		}
	}
	return encoded.String()
}
