package integration

import (
	"bytes"
	"database/sql"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/bailiwick-dev/bailiwick/internal/objectid"
)

// damage is done to the content of a store's file that nobody has open.
type damage func(random *rand.Rand, content []byte) []byte

var damages = map[string]damage{
	"cut off": func(random *rand.Rand, content []byte) []byte { return content[:1+random.IntN(len(content)-1)] },
	"noise in a hundred places": func(random *rand.Rand, content []byte) []byte {
		for range 100 {
			at := random.IntN(len(content) - 64)
			for n := range 64 {
				content[at+n] = byte(random.UintN(256))
			}
		}
		return content
	},
	"another file altogether": func(*rand.Rand, []byte) []byte { return bytes.Repeat([]byte("a letter "), 10_000) },
	"empty":                   func(*rand.Rand, []byte) []byte { return nil },
	"zeros": func(_ *rand.Rand, content []byte) []byte {
		clear(content[len(content)/4:])
		return content
	},
}

var _ = Describe("A damaged file of the embedded store", Label(slow, embeddedOnly), inRounds, func() {
	It("[K6] is made anew from the cluster at the start, and nothing is answered from it", func() {
		ownFile := op.file
		op.Stop()
		op.file = filepath.Join(GinkgoT().TempDir(), "damaged.db")
		op.Start()
		DeferCleanup(func() {
			op.stopIfRunning()
			op.file = ownFile
		})
		v := newVictim()
		for n, name := range slices.Sorted(maps.Keys(damages)) {
			op.Stop()
			content, err := os.ReadFile(op.file)
			Expect(err).NotTo(HaveOccurred())
			random := rand.New(rand.NewPCG(seed(), uint64(n)))
			damaged := damages[name](random, bytes.Clone(content))
			By(fmt.Sprintf("%s, seed %d: %s", name, seed(), changedBytes(content, damaged)))
			Expect(os.WriteFile(op.file, damaged, 0o600)).To(Succeed())
			// Start returns with the first answer.
			op.Start()
			v.expectRight(op.may)
			op.expectWhole()
		}
		Expect(op.file + ".damaged").To(BeARegularFile())
		Expect(measured("bailiwick_store_damaged_file")).To(Equal(1.0))
	})

	It("[K6] that is damaged while it is used ends the operator, whose next start makes it anew; no answer was wrong", func() {
		run := insteadOfSuites()
		file := filepath.Join(GinkgoT().TempDir(), "store.db")
		op.address = fmt.Sprint("127.0.0.1:", freePort())
		decisions := fmt.Sprint("127.0.0.1:", freePort())
		op.decisionURL = "http://" + decisions
		arguments := []string{"--store-path=" + file, "--openfga-http-address=" + op.address, "--openfga-grpc-address=127.0.0.1:0",
			"--decision-address=" + decisions, "--decision-keys-file=" + op.keys, "--resync-interval=1s"}
		process := run(arguments...)
		ready := func() {
			GinkgoHelper()
			Eventually(op.storeID).ShouldNot(BeEmpty(), func() string { return plane.LogTail("bailiwick") })
			Eventually(stamped).Should(BeTrue())
		}
		ready()
		v := newVictim()
		var wrong, answers atomic.Int64
		stop := make(chan struct{})
		DeferCleanup(func() { close(stop) })
		go func() { // whatever happens, nobody is told that mallory may
			q := question{User: objectid.User(v.subject("mallory")), Permission: v.View, Object: v.at("prod")}
			for {
				select {
				case <-stop:
					return
				default:
				}
				if allowed, err := op.check(q); err == nil {
					answers.Add(1)
					if allowed {
						wrong.Add(1)
					}
				}
			}
		}()
		harms := map[string]func(){
			"conditions that can't be read": func() {
				Expect(harmBy(file, "UPDATE tuple SET condition_context = x'ff' WHERE condition_context IS NOT NULL")).To(Succeed())
			},
			"no tuples": func() { Expect(harmBy(file, "DROP TABLE tuple")).To(Succeed()) },
			"noise": func() {
				database, err := os.OpenFile(file, os.O_RDWR, 0)
				Expect(err).NotTo(HaveOccurred())
				defer database.Close()
				Expect(harmBy(file, "PRAGMA wal_checkpoint(TRUNCATE)")).To(Succeed())
				info, err := database.Stat()
				Expect(err).NotTo(HaveOccurred())
				_, err = database.WriteAt(bytes.Repeat([]byte{0xA5}, int(info.Size())-4096), 4096)
				Expect(err).NotTo(HaveOccurred())
			},
		}
		for _, name := range slices.Sorted(maps.Keys(harms)) {
			By(name)
			saidSo := func() int { return strings.Count(plane.Log("bailiwick"), "damaged") }
			before := saidSo()
			_ = os.Remove(file + ".damaged")
			harms[name]()
			Eventually(process.Done()).Should(BeClosed(), func() string { return plane.LogTail("bailiwick") })
			Expect(saidSo()).To(BeNumerically(">", before))
			Expect(file + ".damaged").To(BeARegularFile())
			process = run(arguments...)
			ready()
			v.expectRight(op.may)
			op.expectWhole()
		}
		Eventually(answers.Load).Should(BeNumerically(">", 20))
		Expect(wrong.Load()).To(BeZero())
	})

	DescribeTable("[F1] whose place can't be used is said, with the place and the reason, and the operator waits for a better one", func(spoil func(path string), word string) {
		run := insteadOfSuites()
		file := filepath.Join(GinkgoT().TempDir(), "store.db")
		spoil(file)
		process := run("--store-path=" + file)
		Eventually(func() string { return plane.Log("bailiwick") }).Should(And(ContainSubstring(file), ContainSubstring(word)))
		Expect(process.Done()).NotTo(BeClosed())
	},
		Entry("a directory", func(path string) { Expect(os.Mkdir(path, 0o700)).To(Succeed()) }, "is a directory"),
		Entry("a link to nowhere", func(path string) { Expect(os.Symlink("/nowhere/store.db", path)).To(Succeed()) }, "no such file"),
	)
})

// changedBytes says where the contents of two files differ.
func changedBytes(before, after []byte) string {
	var places []string
	for at, common := 0, min(len(before), len(after)); at < common; at++ {
		from := at
		for at < common && before[at] != after[at] {
			at++
		}
		if at > from {
			places = append(places, fmt.Sprintf("%d-%d", from, at-1))
		}
	}
	const most = 400
	said := strings.Join(places[:min(len(places), most)], ", ")
	return fmt.Sprintf("%d bytes were %d, and differ at %s", len(after), len(before), said)
}

// harmBy runs a statement on a file that an operator has open.
func harmBy(file, statement string) error {
	db, err := sql.Open("sqlite", file+"?_pragma=busy_timeout(20000)")
	if err != nil {
		return err
	}
	defer db.Close()
	_, err = db.ExecContext(ctx, statement)
	return err
}
