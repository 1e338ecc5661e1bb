package apikeys

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/funcr"
)

const (
	shopKey  = "shop-key-of-thirty-two-characters"
	adminKey = "admin-key-of-more-than-32-characters=="
	book1    = `
callers:
- name: shop
  key: ` + shopKey + `
  organizations: [acme, globex]
- name: admin
  key: ` + adminKey + `
  organizations: ["*"]
`
)

func fileWith(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "keys.yaml")
	rewrite(t, path, content)
	return path
}

func rewrite(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestCallersAreKnownByTheirKeys(t *testing.T) {
	file := Open(fileWith(t, book1), logr.Discard())
	for header, want := range map[string]string{
		"Bearer " + shopKey:  "shop",
		"bearer " + adminKey: "admin",
	} {
		caller, err := file.Authenticate([]string{header})
		if err != nil || caller.Name != want {
			t.Errorf("%q: %q, %v; want %s", header, caller.Name, err, want)
		}
	}
	for name, headers := range map[string][]string{
		"no header":        nil,
		"nothing":          {""},
		"no key":           {"Bearer"},
		"an empty key":     {"Bearer "},
		"another":          {"Bearer another-key-of-thirty-two-characters"},
		"the beginning":    {"Bearer " + shopKey[:31]},
		"more":             {"Bearer " + shopKey + "x"},
		"space before it":  {"Bearer  " + shopKey},
		"space behind it":  {"Bearer " + shopKey + " "},
		"another scheme":   {"Basic " + shopKey},
		"no scheme":        {shopKey},
		"two headers":      {"Bearer " + shopKey, "Bearer " + shopKey},
		"two in one":       {"Bearer " + shopKey + ", Bearer " + shopKey},
		"other upper case": {"Bearer " + strings.ToUpper(shopKey)},
	} {
		caller, err := file.Authenticate(headers)
		if !errors.Is(err, ErrUnknown) || caller.Name != "" || caller.MayAskAbout("acme") {
			t.Errorf("%s: %q, %v; want nobody", name, caller.Name, err)
		}
	}
}

func TestACallerMayAskAboutItsOrganizations(t *testing.T) {
	file := Open(fileWith(t, book1), logr.Discard())
	for key, want := range map[string]map[string]bool{
		shopKey:  {"acme": true, "globex": true, "initech": false, "": false, "*": false, "acm": false, "acme/": false, "ACME": false},
		adminKey: {"acme": true, "initech": true},
	} {
		caller, err := file.Authenticate([]string{"Bearer " + key})
		if err != nil {
			t.Fatal(err)
		}
		for organization, may := range want {
			if caller.MayAskAbout(organization) != may {
				t.Errorf("%s about %q: %t, want %t", caller.Name, organization, !may, may)
			}
		}
		if caller.MayAskAboutAll() != (key == adminKey) {
			t.Errorf("%s may ask about all: %t", caller.Name, caller.MayAskAboutAll())
		}
	}
}

func TestAChangedFileCountsAtOnce(t *testing.T) {
	path := fileWith(t, book1)
	file := Open(path, logr.Discard())
	const newKey = "shop-key-of-thirty-two-charactery" // of the same length
	rewrite(t, path, strings.ReplaceAll(book1, shopKey, newKey))
	if _, err := file.Authenticate([]string{"Bearer " + shopKey}); !errors.Is(err, ErrUnknown) {
		t.Errorf("the old key: %v", err)
	}
	if caller, err := file.Authenticate([]string{"Bearer " + newKey}); err != nil || caller.Name != "shop" {
		t.Errorf("the new key: %q, %v", caller.Name, err)
	}
	// While a key is replaced, the caller has both.
	rewrite(t, path, book1+"- name: shop\n  key: "+newKey+"\n  organizations: [acme]\n")
	for _, key := range []string{shopKey, newKey} {
		if caller, err := file.Authenticate([]string{"Bearer " + key}); err != nil || caller.Name != "shop" {
			t.Errorf("both keys: %q, %v", caller.Name, err)
		}
	}
}

func TestWhileTheFileCannotBeReadNobodyIsACaller(t *testing.T) {
	var logged bytes.Buffer
	path := fileWith(t, book1)
	file := Open(path, funcr.New(func(_, line string) { logged.WriteString(line + "\n") }, funcr.Options{}))
	for _, content := range []string{"callers: [", "", "callers: []"} {
		rewrite(t, path, content)
		for range 3 {
			if _, err := file.Authenticate([]string{"Bearer " + shopKey}); err == nil || errors.Is(err, ErrUnknown) {
				t.Errorf("with %q: %v", content, err)
			}
		}
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, err := file.Authenticate([]string{"Bearer " + shopKey}); err == nil || errors.Is(err, ErrUnknown) {
		t.Errorf("without the file: %v", err)
	}
	rewrite(t, path, book1)
	if _, err := file.Authenticate([]string{"Bearer " + shopKey}); err != nil {
		t.Errorf("when it is fixed: %v", err)
	}
	// The same fault is told once: two sorts of bad content, and a file that is gone.
	if got := strings.Count(logged.String(), "nobody may ask"); got != 3 {
		t.Errorf("%d faults were logged:\n%s", got, logged.String())
	}
	if strings.Contains(logged.String(), shopKey) {
		t.Errorf("a key was logged:\n%s", logged.String())
	}
}

func TestWhatIsWrongWithAFileIsSaidWithoutItsKeys(t *testing.T) {
	entry := func(name, key, organizations string) string {
		return "- {name: " + name + ", key: \"" + key + "\", organizations: " + organizations + "}\n"
	}
	for name, test := range map[string]struct{ content, words string }{
		"no YAML":              {"callers:\n- {name: x, key: " + shopKey, "not YAML"},
		"an unknown field":     {"callers:\n- {name: x, key: " + shopKey + ", orgs: [acme]}", "not YAML with a list callers"},
		"a field twice":        {"callers:\n- {name: x, key: " + shopKey + ", key: " + adminKey + ", organizations: [acme]}", "not YAML"},
		"nobody":               {"callers: []", "needs 1 to 1000"},
		"too many":             {"callers:\n" + strings.Repeat(entry("x", shopKey, "[acme]"), maxEntries+1), "needs 1 to 1000"},
		"no name":              {"callers:\n" + entry(`" "`, shopKey, "[acme]"), "callers[0].name is empty"},
		"no key":               {"callers:\n- {name: x, organizations: [acme]}", "callers[0] (x).key is not 32 to 512"},
		"a short key":          {"callers:\n" + entry("x", shopKey[:31], "[acme]"), "callers[0] (x).key is not 32 to 512"},
		"a long key":           {"callers:\n" + entry("x", strings.Repeat("k", maxKey+1), "[acme]"), "key is not 32 to 512"},
		"a key with a space":   {"callers:\n" + entry("x", "x "+shopKey, "[acme]"), "key is not 32 to 512"},
		"a key twice":          {"callers:\n" + entry("x", shopKey, "[acme]") + entry("z", shopKey, "[globex]"), "callers[1] (z).key is also that of callers[0] (x)"},
		"no organizations":     {"callers:\n" + entry("x", shopKey, "[]"), "callers[0] (x).organizations is empty"},
		"null organizations":   {"callers:\n" + entry("x", shopKey, "null"), "organizations is empty"},
		"an empty one":         {"callers:\n" + entry("x", shopKey, `["acme", ""]`), "has an empty name"},
		"a text for the list":  {"callers:\n" + entry("x", shopKey, "acme"), "not YAML with a list callers"},
		"a list at the top":    {entry("x", shopKey, "[acme]"), "not YAML with a list callers"},
		"another's by default": {"callers:\n- {name: x, key: " + shopKey + ", organizations: [acme], defaultScope: {organization: globex}}", `callers[0] (x).defaultScope.organization is "globex", about which the caller may not ask`},
		"no scope by default":  {"callers:\n- {name: x, key: " + shopKey + ", organizations: [acme], defaultScope: {workspace: prod}}", "defaultScope.organization is empty"},
		"a project by default": {"callers:\n- {name: x, key: " + shopKey + ", organizations: ['*'], defaultScope: {organization: acme, project: p}}", "defaultScope.workspace is empty"},
		"an empty type":        {"callers:\n- {name: x, key: " + shopKey + ", organizations: [acme], subjectTypes: ['']}", "subjectTypes has an empty type"},
		"a number for the key": {"callers:\n- {name: x, key: 12345678901234567890123456789012, organizations: [acme]}", "key is not 32 to 512"},
	} {
		err := Open(fileWith(t, test.content), logr.Discard()).Check()
		if err == nil || !strings.Contains(err.Error(), test.words) {
			t.Errorf("%s: %v, want %q", name, err, test.words)
		} else if strings.Contains(err.Error(), shopKey[:20]) {
			t.Errorf("%s: the error has a key in it: %v", name, err)
		}
	}
}

func TestAFileThatComesLaterCounts(t *testing.T) {
	t.Run("[F1] keys that are missing before a start", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "later")
		file := Open(path, logr.Discard())
		if _, err := file.Authenticate([]string{"Bearer " + shopKey}); !errors.Is(err, os.ErrNotExist) || !errors.Is(file.Check(), os.ErrNotExist) {
			t.Errorf("without a file: %v", err)
		}
		rewrite(t, path, book1)
		if _, err := file.Authenticate([]string{"Bearer " + shopKey}); err != nil || file.Check() != nil {
			t.Errorf("when it has come: %v", err)
		}
	})
}
