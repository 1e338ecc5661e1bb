package integration

import (
	"database/sql"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/bailiwick-dev/bailiwick/internal/objectid"
	"github.com/bailiwick-dev/bailiwick/internal/scope"
)

// tamperer is someone with a database's own tools: whatever OpenFGA would refuse, they can write.
type tamperer struct {
	*rand.Rand
	db    *sql.DB
	store string
}

// tamperWith opens an OpenFGA's SQLite file behind its back.
func tamperWith(file string, seed int64) *tamperer {
	GinkgoHelper()
	db, err := sql.Open("sqlite", file+"?_pragma=busy_timeout(20000)&_txlock=immediate")
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(db.Close)
	t := &tamperer{Rand: rand.New(rand.NewPCG(uint64(seed), 7)), db: db}
	Expect(db.QueryRowContext(ctx, "SELECT id FROM store").Scan(&t.store)).To(Succeed())
	return t
}

// row is a tuple as the database has it: object, relation and user in their parts.
type row struct {
	objectType, objectID, relation, userType, userID, userRelation string
	// condition is empty for a tuple that holds always.
	condition string
	context   *structpb.Struct
}

const columns = "object_type, object_id, relation, user_object_type, user_object_id, user_relation"

// parts takes "object relation user" apart.
func parts(line string) row {
	fields := strings.Fields(line)
	var r row
	r.objectType, r.objectID, _ = strings.Cut(fields[0], ":")
	r.relation = fields[1]
	user, relation, _ := strings.Cut(fields[2], "#")
	r.userType, r.userID, _ = strings.Cut(user, ":")
	r.userRelation = relation
	return r
}

func (r row) line() string {
	line := r.objectType + ":" + r.objectID + " " + r.relation + " " + r.userType + ":" + r.userID
	if r.userRelation != "" {
		line += "#" + r.userRelation
	}
	return line
}

func (r row) keys() []any {
	return []any{r.objectType, r.objectID, r.relation, r.userType, r.userID, r.userRelation}
}

// giving is the row with a condition under which it gives everything that a world has, to whoever it names.
func (r row) giving(w *world) row {
	r.condition, r.context = "grants", everythingOf(w)
	return r
}

// binding is the role editor in the workspace prod.
func (w *world) binding() string {
	return objectid.Binding(scope.Path{Organization: w.Namespace, Workspace: "prod"}, "editor")
}

func everythingOf(w *world) *structpb.Struct {
	context, err := structpb.NewStruct(map[string]any{
		"permissions": map[string]any{w.View: true, w.Edit: true, w.Delete: true}, "rules": map[string]any{},
	})
	Expect(err).NotTo(HaveOccurred())
	return context
}

// rows are those of a world.
func (t *tamperer) rows(w *world) (found []row) {
	GinkgoHelper()
	rows, err := t.db.QueryContext(ctx, "SELECT "+columns+", coalesce(condition_name, ''), condition_context FROM tuple"+
		" WHERE store = ? AND object_id || ' ' LIKE ? ORDER BY "+columns, t.store, "%"+w.Namespace+"%")
	Expect(err).NotTo(HaveOccurred())
	defer rows.Close()
	for rows.Next() {
		var r row
		var encoded []byte
		Expect(rows.Scan(&r.objectType, &r.objectID, &r.relation, &r.userType, &r.userID, &r.userRelation, &r.condition, &encoded)).To(Succeed())
		if r.condition != "" {
			r.context = &structpb.Struct{}
			Expect(proto.Unmarshal(encoded, r.context)).To(Succeed())
		}
		found = append(found, r)
	}
	Expect(rows.Err()).NotTo(HaveOccurred())
	return found
}

// all makes changes in one transaction, so that a comparison finds all of them or none.
func (t *tamperer) all(changes ...func(*sql.Tx) error) {
	GinkgoHelper()
	tx, err := t.db.BeginTx(ctx, nil)
	Expect(err).NotTo(HaveOccurred())
	for _, change := range changes {
		if err := change(tx); err != nil {
			Expect(tx.Rollback()).To(Succeed())
			Expect(err).NotTo(HaveOccurred())
		}
	}
	Expect(tx.Commit()).To(Succeed())
}

func (t *tamperer) deletes(r row) func(*sql.Tx) error {
	return func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "DELETE FROM tuple WHERE store = ? AND ("+columns+") = (?, ?, ?, ?, ?, ?)", append([]any{t.store}, r.keys()...)...)
		return err
	}
}

// writes replaces the row if it is there.
func (t *tamperer) writes(r row) func(*sql.Tx) error {
	return func(tx *sql.Tx) error {
		kind := "user"
		if r.userRelation != "" || r.userID == "*" {
			kind = "userset"
		}
		var condition, context any
		if r.condition != "" {
			condition = r.condition
		}
		if r.context != nil {
			encoded, err := proto.Marshal(r.context)
			if err != nil {
				return err
			}
			context = encoded
		}
		_, err := tx.ExecContext(ctx, "INSERT OR REPLACE INTO tuple (store, "+columns+", user_type, ulid, inserted_at, condition_name, condition_context)"+
			" VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, datetime('now'), ?, ?)",
			append(append([]any{t.store}, r.keys()...), kind, t.ulid(), condition, context)...)
		return err
	}
}

// ulid is one of those by which OpenFGA orders tuples.
func (t *tamperer) ulid() string {
	const digits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	id := []byte("0")
	for len(id) < 26 {
		id = append(id, digits[t.IntN(len(digits))])
	}
	return string(id)
}

// drift is what a comparison has to find, by direction.
type drift struct{ missing, foreign, changed int }

// round tampers with a world once, in one to eight places, but for the rows of spared. It says what it has
// done, and what is to be counted for it.
func (t *tamperer) round(w *world, spared func(row) bool) (done []string, expected drift) {
	GinkgoHelper()
	rows := slices.DeleteFunc(t.rows(w), spared)
	t.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
	var changes []func(*sql.Tx) error
	note := func(what string, r row) { done = append(done, what+" "+r.line()) }
	for _, r := range rows[:min(len(rows), t.IntN(6))] {
		if t.IntN(2) == 0 {
			note("deleted", r)
			changes = append(changes, t.deletes(r))
			expected.missing++
			continue
		}
		what, altered := t.alter(w, r)
		note(what, altered)
		changes = append(changes, t.writes(altered))
		expected.changed++
	}
	forged := t.forgeries(w)
	t.Shuffle(len(forged), func(i, j int) { forged[i], forged[j] = forged[j], forged[i] })
	for _, r := range forged[:1+t.IntN(3)] {
		note("forged", r)
		changes = append(changes, t.writes(r))
		expected.foreign++
	}
	t.all(changes...)
	return done, expected
}

// alter makes a row say something else, or puts another one beside it in the same place.
func (t *tamperer) alter(w *world, r row) (what string, altered row) {
	if r.condition == "" {
		return "a condition on", r.giving(w)
	}
	switch t.IntN(6) {
	case 0:
		return "more permissions in", r.giving(w)
	case 1:
		r.context = proto.CloneOf(r.context)
		delete(r.context.GetFields(), "rules") // whoever asks could fill it in
		return "no rules in", r
	case 2:
		r.context = nil
		return "no context in", r
	case 3:
		r.condition, r.context = "", nil
		return "no condition in", r
	case 4:
		r.condition = "another"
		return "another condition in", r
	default:
		switch r.relation {
		case "role":
			r.userRelation = "slot_7"
		case "grant_a":
			r.relation = "grant_b"
		default:
			r.relation = "grant_a"
		}
		return "a second place beside", r.giving(w)
	}
}

// forgeries are tuples that nobody wants, each in a place of its own. Some OpenFGA takes, others only its
// database does.
func (t *tamperer) forgeries(w *world) []row {
	organization, mallory := w.at(), "user:"+w.subject("mallory")
	return []row{
		parts(organization + " grant_a " + mallory).giving(w),
		parts(w.at("prod", "vision") + " grant_b " + mallory).giving(w),
		parts(w.binding() + " assignee " + mallory),
		parts("group:" + w.Namespace + "/devs member " + mallory),
		parts("group:" + w.Namespace + "/devs grant_a " + mallory).giving(w),
		parts(organization + " role binding:organization/" + w.Namespace + "/forged#slot_3").giving(w),
		parts("binding:organization/" + w.Namespace + "/forged assignee " + mallory),
		parts(organization + " can " + mallory),
		parts(organization + " role " + mallory).giving(w),
		parts(organization + " role binding:organization/" + w.Namespace + "/forged#slot_9").giving(w),
		parts(organization + " grant_a user:*").giving(w),
		parts(organization + " parent organization:" + w.Namespace + "-other"),
		parts(w.at("prod") + " parent organization:" + w.Namespace + "-other"),
		parts("galaxy:" + w.Namespace + " owns robot:mallory"),
		parts("galaxy:" + w.Namespace + fmt.Sprint("-", t.IntN(1000)) + " owns robot:mallory#crew"),
	}
}
