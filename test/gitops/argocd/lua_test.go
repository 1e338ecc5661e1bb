package argocd

import (
	"fmt"
	"os"

	"github.com/argoproj/argo-cd/gitops-engine/pkg/health"
	"github.com/argoproj/argo-cd/gitops-engine/pkg/utils/kube"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	lua "github.com/yuin/gopher-lua"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

const apiGroup = "authz.bailiwick.dev"

// healthChecks are the scripts that we ship, by the keys under which Argo CD looks for them.
type healthChecks map[string]string

func shippedHealthChecks() healthChecks {
	GinkgoHelper()
	content, err := os.ReadFile(cluster.HealthChecks)
	Expect(err).NotTo(HaveOccurred())
	objects, err := kube.SplitYAML(content)
	Expect(err).NotTo(HaveOccurred())
	Expect(objects).To(HaveLen(1))
	Expect(objects[0].GetKind() + " " + objects[0].GetNamespace() + "/" + objects[0].GetName()).To(Equal("ConfigMap argocd/argocd-cm"))
	Expect(objects[0].GetLabels()).To(HaveKeyWithValue("app.kubernetes.io/part-of", "argocd"))
	scripts, _, err := unstructured.NestedStringMap(objects[0].Object, "data")
	Expect(err).NotTo(HaveOccurred())
	return scripts
}

// GetResourceHealth runs the script of the object's kind. There is none for kinds that are not ours.
func (h healthChecks) GetResourceHealth(object *unstructured.Unstructured) (*health.HealthStatus, error) {
	if object.GroupVersionKind().Group != apiGroup {
		return nil, nil
	}
	script, ok := h["resource.customizations.health."+apiGroup+"_"+object.GetKind()]
	if !ok {
		return nil, fmt.Errorf("we ship no health check for the kind %s", object.GetKind())
	}
	return runLua(script, object)
}

// runLua runs a script with the interpreter that Argo CD has, and with the libraries that it opens to
// scripts: the language itself and tables, no strings.
func runLua(script string, object *unstructured.Unstructured) (*health.HealthStatus, error) {
	state := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer state.Close()
	for name, open := range map[string]lua.LGFunction{lua.BaseLibName: lua.OpenBase, lua.TabLibName: lua.OpenTable} {
		if err := state.CallByParam(lua.P{Fn: state.NewFunction(open), Protect: true}, lua.LString(name)); err != nil {
			return nil, err
		}
	}
	state.SetGlobal("obj", luaValue(state, object.Object))
	if err := state.DoString(script); err != nil {
		return nil, err
	}
	returned, ok := state.Get(-1).(*lua.LTable)
	if !ok {
		return nil, fmt.Errorf("the script returns %s, not a table", state.Get(-1).Type())
	}
	return &health.HealthStatus{
		Status:  health.HealthStatusCode(lua.LVAsString(returned.RawGetString("status"))),
		Message: lua.LVAsString(returned.RawGetString("message")),
	}, nil
}

// luaValue is a value of an object, as Argo CD hands it to a script.
func luaValue(state *lua.LState, value any) lua.LValue {
	switch value := value.(type) {
	case bool:
		return lua.LBool(value)
	case int64:
		return lua.LNumber(value)
	case float64:
		return lua.LNumber(value)
	case string:
		return lua.LString(value)
	case []any:
		list := state.CreateTable(len(value), 0)
		for _, item := range value {
			list.Append(luaValue(state, item))
		}
		return list
	case map[string]any:
		table := state.CreateTable(0, len(value))
		for key, item := range value {
			table.RawSetH(lua.LString(key), luaValue(state, item))
		}
		return table
	}
	return lua.LNil
}
