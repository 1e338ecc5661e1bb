package chart

import (
	"maps"
	"os/exec"
	"testing"

	. "github.com/onsi/gomega"
	"helm.sh/helm/v4/pkg/action"
	"helm.sh/helm/v4/pkg/chart/common"
	release "helm.sh/helm/v4/pkg/release/v1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/sets"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// external are the values that an external store needs, to which a test adds its own.
const external = "store:\n  type: external\n  external:\n    address: openfga.example:443\n"

// parts are what values have an effect on.
type parts struct {
	deployment *appsv1.Deployment
	pod        *corev1.PodSpec
	container  *corev1.Container
	claim      *corev1.PersistentVolumeClaim
	budget     *policyv1.PodDisruptionBudget
	policy     *networkingv1.NetworkPolicy
	all        objects
	// answering are those of the replicas that only answer.
	answering objects
}

func partsOf(g Gomega, all objects) *parts {
	its, answering := objects{}, objects{}
	for name, object := range all {
		if object.GetName() == "bailiwick-decisions" {
			answering[name] = object
		} else {
			its[name] = object
		}
	}
	p := &parts{
		deployment: find[appsv1.Deployment](g, its, "Deployment"),
		claim:      find[corev1.PersistentVolumeClaim](g, its, "PersistentVolumeClaim"),
		budget:     find[policyv1.PodDisruptionBudget](g, its, "PodDisruptionBudget"),
		policy:     find[networkingv1.NetworkPolicy](g, its, "NetworkPolicy"),
		all:        all,
		answering:  answering,
	}
	g.Expect(p.deployment).NotTo(BeNil())
	p.pod = &p.deployment.Spec.Template.Spec
	g.Expect(p.pod.Containers).NotTo(BeEmpty())
	p.container = &p.pod.Containers[0]
	return p
}

// mounted returns the Secret of a volume that is mounted, read-only, where a file that a flag names is.
func (p *parts) mounted(g Gomega, directory string) string {
	for _, mount := range p.container.VolumeMounts {
		for _, volume := range p.pod.Volumes {
			if mount.MountPath == directory && volume.Name == mount.Name && volume.Secret != nil {
				g.Expect(mount.ReadOnly).To(BeTrue())
				return volume.Secret.SecretName
			}
		}
	}
	return ""
}

var effects = []struct {
	name, set string
	expect    func(g Gomega, p *parts)
}{
	{"a digest has the last word over the tag", `image: {repository: "registry.example/team/bailiwick", tag: v1, digest: "sha256:` + digest + `"}`, func(g Gomega, p *parts) {
		g.Expect(p.container.Image).To(Equal("registry.example/team/bailiwick@sha256:" + digest))
	}},
	{"a tag", `image: {repository: "registry.example:5000/bailiwick", tag: v1.2.3}`, func(g Gomega, p *parts) {
		g.Expect(p.container.Image).To(Equal("registry.example:5000/bailiwick:v1.2.3"))
	}},
	{"Secrets to pull the image with", `imagePullSecrets: [{name: registry}]`, func(g Gomega, p *parts) {
		g.Expect(p.pod.ImagePullSecrets).To(ConsistOf(corev1.LocalObjectReference{Name: "registry"}))
	}},
	{"CRDs that someone else installs", `crds: {enabled: false}`, func(g Gomega, p *parts) {
		for _, object := range p.all {
			g.Expect(object.GetKind()).NotTo(Equal("CustomResourceDefinition"))
		}
	}},
	{"the volume of the embedded store", `store: {embedded: {size: 5Gi, storageClass: fast}}`, func(g Gomega, p *parts) {
		g.Expect(p.claim.Spec.StorageClassName).To(HaveValue(Equal("fast")))
		g.Expect(p.claim.Spec.Resources.Requests).To(HaveKeyWithValue(corev1.ResourceStorage, resource.MustParse("5Gi")))
	}},
	{"without more, the cluster's own class", ``, func(g Gomega, p *parts) {
		g.Expect(p.claim.Spec.StorageClassName).To(BeNil())
		g.Expect(p.deployment.Spec.Replicas).To(HaveValue(BeEquivalentTo(1)))
		g.Expect(p.deployment.Spec.Strategy.Type).To(Equal(appsv1.RecreateDeploymentStrategyType))
		g.Expect(p.budget).To(BeNil())
	}},
	{"no volume", `store: {embedded: {persistent: false}}`, func(g Gomega, p *parts) {
		g.Expect(p.claim).To(BeNil())
		g.Expect(p.pod.Volumes[0].EmptyDir.SizeLimit).To(HaveValue(Equal(resource.MustParse("1Gi"))))
	}},
	{"a claim that is there", `store: {embedded: {existingClaim: mine}}`, func(g Gomega, p *parts) {
		g.Expect(p.claim).To(BeNil())
		g.Expect(p.pod.Volumes[0].PersistentVolumeClaim.ClaimName).To(Equal("mine"))
	}},
	{"[I3] OpenShift, which chooses users", `podSecurityContext: {runAsUser: null, runAsGroup: null, fsGroup: null}`, func(g Gomega, p *parts) {
		g.Expect(p.pod.SecurityContext.RunAsUser).To(BeNil())
		g.Expect(p.pod.SecurityContext.RunAsGroup).To(BeNil())
		g.Expect(p.pod.SecurityContext.FSGroup).To(BeNil())
		g.Expect(p.pod.SecurityContext.RunAsNonRoot).To(HaveValue(BeTrue()))
		g.Expect(p.pod.SecurityContext.SeccompProfile.Type).To(Equal(corev1.SeccompProfileTypeRuntimeDefault))
	}},
	{"[I3] the node's network", `{hostNetwork: true, webhook: {port: 10260}}`, func(g Gomega, p *parts) {
		g.Expect(p.pod.HostNetwork).To(BeTrue())
		g.Expect(p.pod.DNSPolicy).To(Equal(corev1.DNSClusterFirstWithHostNet))
		g.Expect(p.container.Args).To(ContainElement("--webhook-port=10260"))
		g.Expect(p.container.Ports).To(ContainElement(corev1.ContainerPort{Name: "webhook", ContainerPort: 10260}))
	}},
	{"[I3] a port that a firewall lets through", `{webhook: {port: 10250}, dnsPolicy: Default}`, func(g Gomega, p *parts) {
		g.Expect(p.pod.HostNetwork).To(BeFalse())
		g.Expect(p.pod.DNSPolicy).To(Equal(corev1.DNSDefault))
		g.Expect(p.container.Args).To(ContainElement("--webhook-port=10250"))
	}},
	{"[I3] further volumes, variables and containers", `{extraEnv: [{name: HTTPS_PROXY, value: "http://proxy:3128"}], extraVolumes: [{name: own, emptyDir: {}}], extraVolumeMounts: [{name: own, mountPath: /own}], extraContainers: [{name: beside, image: "other:1"}], priorityClassName: important}`, func(g Gomega, p *parts) {
		g.Expect(p.container.Env).To(ContainElement(corev1.EnvVar{Name: "HTTPS_PROXY", Value: "http://proxy:3128"}))
		g.Expect(p.container.VolumeMounts).To(ContainElement(corev1.VolumeMount{Name: "own", MountPath: "/own"}))
		g.Expect(p.pod.Volumes).To(ContainElement(HaveField("Name", "own")))
		g.Expect(p.deployment.Spec.Template.Spec.Containers).To(ContainElement(HaveField("Name", "beside")))
		g.Expect(p.pod.PriorityClassName).To(Equal("important"))
	}},
	{"objects of one's own", `extraObjects: [{apiVersion: v1, kind: ConfigMap, metadata: {name: mine, namespace: "{{ .Release.Namespace }}"}}]`, func(g Gomega, p *parts) {
		g.Expect(p.all).To(HaveKey("v1 ConfigMap access/mine"))
	}},
	{"when the image is pulled", `image: {pullPolicy: Always}`, func(g Gomega, p *parts) {
		g.Expect(p.container.ImagePullPolicy).To(Equal(corev1.PullAlways))
	}},
	{"an external store", external, func(g Gomega, p *parts) {
		g.Expect(p.container.Args).To(ConsistOf("--store=external", "--openfga-server=openfga.example:443", "--openfga-key-file=/etc/bailiwick/openfga/key",
			"--decision-address=:8084", "--decision-service-accounts", "--decision-public-url=https://bailiwick-decisions.access.svc"))
		g.Expect(p.mounted(g, "/etc/bailiwick/openfga")).To(Equal("bailiwick-openfga"))
		g.Expect(p.claim).To(BeNil())
	}},
	{"an external store with Secrets and certificates of one's own", external + "    keySecret: mine\n    tls: {caSecret: authority}\n", func(g Gomega, p *parts) {
		g.Expect(p.container.Args).To(ContainElements("--openfga-key-file=/etc/bailiwick/openfga/key", "--openfga-ca-file=/etc/bailiwick/openfga-ca/ca.crt"))
		g.Expect(p.mounted(g, "/etc/bailiwick/openfga")).To(Equal("mine"))
		g.Expect(p.mounted(g, "/etc/bailiwick/openfga-ca")).To(Equal("authority"))
	}},
	{"an external store in the clear", external + "    keySecret: \"\"\n    tls: {enabled: false}\ndecisions: {enabled: false}\n", func(g Gomega, p *parts) {
		g.Expect(p.container.Args).To(ConsistOf("--store=external", "--openfga-server=openfga.example:443", "--openfga-tls=false"))
		g.Expect(p.mounted(g, "/etc/bailiwick/openfga")).To(BeEmpty())
		g.Expect(p.pod.Volumes).To(HaveLen(1), "for temporary files")
	}},
	{"replicas", external + "    replicas: 3\n", func(g Gomega, p *parts) {
		g.Expect(p.deployment.Spec.Replicas).To(HaveValue(BeEquivalentTo(3)))
	}},
	{"AuthZEN with an external store", external + "decisions: {keysSecret: callers, tlsSecret: served, publicURL: \"https://ask.example\"}\n", func(g Gomega, p *parts) {
		g.Expect(p.container.Args).To(ContainElements("--decision-keys-file=/etc/bailiwick/keys/keys.yaml", "--decision-public-url=https://ask.example", "--tls-directory=/etc/bailiwick/tls"))
		g.Expect(p.mounted(g, "/etc/bailiwick/keys")).To(Equal("callers"))
		g.Expect(p.mounted(g, "/etc/bailiwick/tls")).To(Equal("served"))
		g.Expect(p.all).To(HaveKey("v1 Service access/bailiwick-decisions"))
	}},
	{"decisions as they come", ``, func(g Gomega, p *parts) {
		g.Expect(p.container.Args).To(ConsistOf("--store=embedded", "--store-path=/var/lib/bailiwick/store.db",
			"--decision-address=:8084", "--decision-service-accounts", "--decision-public-url=https://bailiwick-decisions.access.svc"))
		g.Expect(p.all).To(HaveKey("v1 Service access/bailiwick-decisions"))
	}},
	{"no decisions", `decisions: {enabled: false}`, func(g Gomega, p *parts) {
		g.Expect(p.container.Args).To(ConsistOf("--store=embedded", "--store-path=/var/lib/bailiwick/store.db"))
		g.Expect(p.all).NotTo(HaveKey("v1 Service access/bailiwick-decisions"))
	}},
	{"decisions of several replicas", external + "    replicas: 3\n", func(g Gomega, p *parts) {
		g.Expect(p.container.Args).To(ContainElements("--store=external", "--decision-address=:8084", "--decision-service-accounts"))
		g.Expect(p.all).To(HaveKey("v1 Service access/bailiwick-decisions"))
	}},
	{"no replicas that only answer", ``, func(g Gomega, p *parts) {
		g.Expect(p.answering.names()).To(ConsistOf("v1 Service access/bailiwick-decisions"))
	}},
	{"replicas that only answer", external + `decisions: {tlsSecret: served, replicas: {enabled: true, min: 3, max: 5, cpuUtilization: 50, extraArgs: [--log-level=debug], resources: {requests: {cpu: 1}}}}
usernamePrefix: "oidc:"
podDisruptionBudget: {maxUnavailable: 2}
topologySpread: {kubernetes.io/hostname: DoNotSchedule, topology.kubernetes.io/zone: null}
`, func(g Gomega, p *parts) {
		deployment := find[appsv1.Deployment](g, p.answering, "Deployment")
		g.Expect(deployment.Spec.Replicas).To(BeNil(), "the HorizontalPodAutoscaler says how many")
		pod := deployment.Spec.Template.Spec
		g.Expect(pod.Containers[0].Args).To(ConsistOf("--decisions-only", "--store=external", "--decision-address=:8084", "--decision-service-accounts",
			"--decision-public-url=https://bailiwick-decisions.access.svc", "--tls-directory=/etc/bailiwick/tls", "--username-prefix=oidc:", "--log-level=debug"))
		g.Expect(pod.Containers[0].Resources.Requests.Cpu().String()).To(Equal("1"))
		g.Expect(pod.Volumes).To(ConsistOf(HaveField("VolumeSource.Secret.SecretName", "served")))
		g.Expect(pod.ServiceAccountName).To(Equal("bailiwick-decisions"))
		g.Expect(pod.TopologySpreadConstraints).To(ConsistOf(HaveField("WhenUnsatisfiable", corev1.DoNotSchedule)))
		scaler := find[autoscalingv2.HorizontalPodAutoscaler](g, p.answering, "HorizontalPodAutoscaler").Spec
		g.Expect(scaler.MinReplicas).To(HaveValue(BeEquivalentTo(3)))
		g.Expect(scaler.MaxReplicas).To(BeEquivalentTo(5))
		g.Expect(scaler.Metrics[0].Resource.Target.AverageUtilization).To(HaveValue(BeEquivalentTo(50)))
		budget := find[policyv1.PodDisruptionBudget](g, p.answering, "PodDisruptionBudget")
		g.Expect(budget.Spec.MaxUnavailable).To(HaveValue(Equal(intstr.FromInt32(2))))
		service := find[corev1.Service](g, p.answering, "Service")
		for _, labels := range []map[string]string{deployment.Spec.Template.Labels, p.deployment.Spec.Template.Labels} {
			g.Expect(labels).To(HaveKeyWithValue("app.kubernetes.io/part-of", service.Spec.Selector["app.kubernetes.io/part-of"]))
		}
		g.Expect(service.Spec.Selector).To(HaveLen(1))
		g.Expect(budget.Spec.Selector.MatchLabels).To(Equal(map[string]string{"app.kubernetes.io/name": deployment.Spec.Template.Labels["app.kubernetes.io/name"]}))
		g.Expect(p.budget.Spec.Selector.MatchLabels).NotTo(Equal(budget.Spec.Selector.MatchLabels))
	}},
	{"replicas that only answer, with a certificate that the operator makes", `decisions: {replicas: {enabled: true}}`, func(g Gomega, p *parts) {
		pod := find[appsv1.Deployment](g, p.answering, "Deployment").Spec.Template.Spec
		g.Expect(pod.Containers[0].Args).To(ContainElement("--tls-directory=/etc/bailiwick/tls"))
		g.Expect(pod.Volumes).To(ConsistOf(HaveField("VolumeSource.Secret.SecretName", "bailiwick-decisions-certificate")))
		g.Expect(p.container.Args).NotTo(ContainElement(HavePrefix("--tls-directory")))
	}},
	{"an API server that shows a certificate to webhooks", `webhook: {clients: {caSecret: front, names: [kube-apiserver, other]}}`, func(g Gomega, p *parts) {
		g.Expect(p.container.Args).To(ContainElements("--webhook-client-ca-file=/etc/bailiwick/webhook-clients/ca.crt", "--webhook-client-names=kube-apiserver,other"))
		g.Expect(p.mounted(g, "/etc/bailiwick/webhook-clients")).To(Equal("front"))
	}},
	{"a prefix of usernames", `usernamePrefix: "oidc:"`, func(g Gomega, p *parts) {
		g.Expect(p.container.Args).To(ContainElement("--username-prefix=oidc:"))
	}},
	{"SCIM with keys", `scim: {enabled: true, tlsSecret: named, keysSecret: senders}`, func(g Gomega, p *parts) {
		g.Expect(p.container.Args).To(ContainElements("--scim-address=:8085", "--scim-tls-directory=/etc/bailiwick/scim-tls", "--scim-keys-file=/etc/bailiwick/scim-keys/keys.yaml"))
		g.Expect(p.mounted(g, "/etc/bailiwick/scim-tls")).To(Equal("named"))
		g.Expect(p.mounted(g, "/etc/bailiwick/scim-keys")).To(Equal("senders"))
		g.Expect(p.all).To(HaveKey("v1 Service access/bailiwick-scim"))
	}},
	{"an events sink", `events: {sinkURL: "https://events.example/bailiwick", caSecret: authority, tokenSecret: sink}`, func(g Gomega, p *parts) {
		g.Expect(p.container.Args).To(ContainElements("--events-sink-url=https://events.example/bailiwick", "--events-sink-ca-file=/etc/bailiwick/events-ca/ca.crt", "--events-sink-token-file=/etc/bailiwick/events/token"))
		g.Expect(p.mounted(g, "/etc/bailiwick/events-ca")).To(Equal("authority"))
		g.Expect(p.mounted(g, "/etc/bailiwick/events")).To(Equal("sink"))
	}},
	{"a network policy for other ports", `networkPolicy: {enabled: true, egressPorts: [6443, 9091]}`, func(g Gomega, p *parts) {
		var ports []int32
		for _, port := range p.policy.Spec.Egress[1].Ports {
			ports = append(ports, port.Port.IntVal)
		}
		g.Expect(ports).To(ConsistOf(BeEquivalentTo(6443), BeEquivalentTo(9091)))
	}},
	{"what a Prometheus selects by", `monitoring: {enabled: true, labels: {release: stack}}`, func(g Gomega, p *parts) {
		for _, name := range []string{"monitoring.coreos.com/v1 ServiceMonitor access/bailiwick", "monitoring.coreos.com/v1 PrometheusRule access/bailiwick", "v1 ConfigMap access/bailiwick-dashboard"} {
			g.Expect(p.all).To(HaveKey(name))
			g.Expect(p.all[name].GetLabels()).To(HaveKeyWithValue("release", "stack"))
			g.Expect(p.all[name].GetLabels()).To(HaveKeyWithValue("app.kubernetes.io/name", "bailiwick"))
		}
	}},
	{"monitoring in parts", `monitoring: {enabled: true, serviceMonitor: false, dashboard: false}`, func(g Gomega, p *parts) {
		g.Expect(p.all).To(HaveKey("monitoring.coreos.com/v1 PrometheusRule access/bailiwick"))
		g.Expect(p.all).NotTo(HaveKey("monitoring.coreos.com/v1 ServiceMonitor access/bailiwick"))
		g.Expect(p.all).NotTo(HaveKey("v1 Service access/bailiwick-metrics"))
		g.Expect(p.all).NotTo(HaveKey("v1 ConfigMap access/bailiwick-dashboard"))
	}},
	{"labels of every object", `{commonLabels: {team: access}, monitoring: {enabled: true}, networkPolicy: {enabled: true}, decisions: {enabled: true}, scim: {enabled: true}}`, func(g Gomega, p *parts) {
		for name, object := range p.all {
			g.Expect(object.GetLabels()).To(HaveKeyWithValue("team", "access"), name)
		}
		g.Expect(p.deployment.Spec.Template.Labels).NotTo(HaveKey("team"))
	}},
	{"annotations of the ServiceAccount and the Deployment", `{serviceAccount: {annotations: {role: "arn:x"}}, deploymentAnnotations: {reload: "true"}}`, func(g Gomega, p *parts) {
		g.Expect(p.all["v1 ServiceAccount access/bailiwick"].GetAnnotations()).To(Equal(map[string]string{"role": "arn:x"}))
		g.Expect(p.deployment.Annotations).To(Equal(map[string]string{"reload": "true"}))
	}},
	{"a patient API server", `webhook: {timeoutSeconds: 20}`, func(g Gomega, p *parts) {
		validating := find[admissionregistrationv1.ValidatingWebhookConfiguration](g, p.all, "ValidatingWebhookConfiguration")
		g.Expect(validating.Webhooks[0].TimeoutSeconds).To(HaveValue(BeEquivalentTo(20)))
	}},
	{"a load balancer for decisions", `decisions: {enabled: true, service: {type: LoadBalancer, annotations: {scheme: internal}}}`, func(g Gomega, p *parts) {
		service := p.all["v1 Service access/bailiwick-decisions"]
		g.Expect(service.Object["spec"]).To(HaveKeyWithValue("type", "LoadBalancer"))
		g.Expect(service.GetAnnotations()).To(Equal(map[string]string{"scheme": "internal"}))
	}},
	{"an Ingress for decisions", `decisions: {enabled: true, ingress: {enabled: true, className: nginx, host: ask.example, tlsSecret: ask, annotations: {nginx.ingress.kubernetes.io/backend-protocol: HTTPS}}}`, func(g Gomega, p *parts) {
		g.Expect(p.container.Args).To(ContainElement("--decision-public-url=https://ask.example"))
		ingress := find[networkingv1.Ingress](g, p.all, "Ingress")
		g.Expect(ingress.Spec.IngressClassName).To(HaveValue(Equal("nginx")))
		g.Expect(ingress.Spec.TLS).To(ConsistOf(networkingv1.IngressTLS{Hosts: []string{"ask.example"}, SecretName: "ask"}))
		g.Expect(ingress.Annotations).To(HaveKeyWithValue("nginx.ingress.kubernetes.io/backend-protocol", "HTTPS"))
		service := p.all["v1 Service access/"+ingress.Spec.Rules[0].HTTP.Paths[0].Backend.Service.Name]
		g.Expect(service).NotTo(BeNil())
	}},
	{"OpenFGA's own API", `{decisions: {tlsSecret: served}, store: {embedded: {api: {enabled: true, keysSecret: askers, service: {type: LoadBalancer, annotations: {scheme: internal}}, ingress: {enabled: true, host: openfga.example}}}}}`, func(g Gomega, p *parts) {
		g.Expect(p.container.Args).To(ContainElements(
			"--openfga-http-address=:8080", "--openfga-grpc-address=:8081", "--openfga-api-keys-file=/etc/bailiwick/openfga-api/keys.yaml", "--tls-directory=/etc/bailiwick/tls"))
		g.Expect(p.pod.Volumes).To(ContainElement(HaveField("VolumeSource.Secret.SecretName", "askers")))
		g.Expect(p.container.VolumeMounts).To(ContainElement(HaveField("MountPath", "/etc/bailiwick/openfga-api")))
		g.Expect(p.container.Ports).To(ContainElements(
			corev1.ContainerPort{Name: "openfga-http", ContainerPort: 8080}, corev1.ContainerPort{Name: "openfga-grpc", ContainerPort: 8081}))
		service := p.all["v1 Service access/bailiwick-openfga"]
		g.Expect(service.Object["spec"]).To(And(HaveKeyWithValue("type", "LoadBalancer"), HaveKeyWithValue("selector", HaveKeyWithValue("app.kubernetes.io/name", "bailiwick"))))
		g.Expect(service.GetAnnotations()).To(Equal(map[string]string{"scheme": "internal"}))
		ingress := find[networkingv1.Ingress](g, p.all, "Ingress")
		g.Expect(ingress.Spec.Rules[0].Host).To(Equal("openfga.example"))
		g.Expect(ingress.Spec.Rules[0].HTTP.Paths[0].Backend.Service.Name).To(Equal("bailiwick-openfga"))
	}},
	{"CRDs that go with the release", `crds: {keep: false}`, func(g Gomega, p *parts) {
		for name, object := range p.all {
			g.Expect(object.GetAnnotations()).NotTo(HaveKey("helm.sh/resource-policy"), name)
		}
	}},
	{"another way to update", external + "strategy: {type: RollingUpdate, rollingUpdate: {maxSurge: 0, maxUnavailable: 1}}\n", func(g Gomega, p *parts) {
		g.Expect(p.deployment.Spec.Strategy.RollingUpdate.MaxSurge).To(HaveValue(Equal(intstr.FromInt32(0))))
		g.Expect(p.deployment.Spec.Strategy.RollingUpdate.MaxUnavailable).To(HaveValue(Equal(intstr.FromInt32(1))))
	}},
	{"further flags", `extraArgs: [--log-level=debug, "--switch-grace=2s"]`, func(g Gomega, p *parts) {
		g.Expect(p.container.Args).To(ContainElements("--log-level=debug", "--switch-grace=2s"))
	}},
	{"resources", `resources: {limits: {memory: 4Gi, cpu: 2}}`, func(g Gomega, p *parts) {
		g.Expect(p.container.Resources.Limits).To(HaveKeyWithValue(corev1.ResourceMemory, resource.MustParse("4Gi")))
		g.Expect(p.container.Resources.Limits).To(HaveKeyWithValue(corev1.ResourceCPU, resource.MustParse("2")))
		g.Expect(p.container.Resources.Requests).To(HaveKeyWithValue(corev1.ResourceMemory, resource.MustParse("128Mi")))
	}},
	{"a disruption budget", external + "podDisruptionBudget: {maxUnavailable: 50%}\n", func(g Gomega, p *parts) {
		g.Expect(p.budget.Spec.MaxUnavailable).To(HaveValue(Equal(intstr.FromString("50%"))))
	}},
	{"a spread that is a must, and none over zones", external + "topologySpread: {kubernetes.io/hostname: DoNotSchedule, topology.kubernetes.io/zone: null}\n", func(g Gomega, p *parts) {
		g.Expect(p.pod.TopologySpreadConstraints).To(HaveLen(1))
		g.Expect(p.pod.TopologySpreadConstraints[0].TopologyKey).To(Equal("kubernetes.io/hostname"))
		g.Expect(p.pod.TopologySpreadConstraints[0].WhenUnsatisfiable).To(Equal(corev1.DoNotSchedule))
	}},
	{"labels and annotations", `{podLabels: {team: access}, podAnnotations: {note: "1"}}`, func(g Gomega, p *parts) {
		g.Expect(p.deployment.Spec.Template.Labels).To(Equal(map[string]string{"app.kubernetes.io/name": "bailiwick", "app.kubernetes.io/part-of": "bailiwick", "team": "access"}))
		g.Expect(p.deployment.Spec.Template.Annotations).To(Equal(map[string]string{"note": "1"}))
		g.Expect(p.deployment.Spec.Selector.MatchLabels).To(Equal(map[string]string{"app.kubernetes.io/name": "bailiwick"}))
	}},
	{"where Pods run", `{nodeSelector: {disk: fast}, tolerations: [{key: only, operator: Exists}], affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchExpressions: [{key: zone, operator: In, values: [a]}]}]}}}}`, func(g Gomega, p *parts) {
		g.Expect(p.pod.NodeSelector).To(Equal(map[string]string{"disk": "fast"}))
		g.Expect(p.pod.Tolerations).To(ConsistOf(corev1.Toleration{Key: "only", Operator: corev1.TolerationOpExists}))
		g.Expect(p.pod.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms).To(HaveLen(1))
	}},
	{"what a chart gets that another one depends on", `global: {anything: goes}`, func(g Gomega, p *parts) {
		g.Expect(p.container.Image).To(Equal("bailiwick:latest"))
	}},
}

func TestEachValueHasItsEffect(t *testing.T) {
	for _, e := range effects {
		t.Run(e.name, func(t *testing.T) {
			g := NewWithT(t)
			p := partsOf(g, rendered(g, "access", e.set))
			e.expect(g, p)

			// The program takes what the values make of its arguments, and refuses what it does not know.
			output, err := exec.CommandContext(t.Context(), program, append(p.container.Args, "--version")...).CombinedOutput()
			g.Expect(err).NotTo(HaveOccurred(), "%s\nis it built? `make build`", output)
			g.Expect(exec.CommandContext(t.Context(), program, append(p.container.Args, "--no-such-flag", "--version")...).Run()).NotTo(Succeed())
		})
	}
}

// The API server reads each object strictly, so that a field that is misspelt or in the wrong place is an error.
func TestTheAPIServerTakesWhatValuesMake(t *testing.T) { // [I3]
	g := NewWithT(t)
	ctx := t.Context()
	makeNamespace(ctx, g, "access")
	strict := client.WithFieldValidation(admin, metav1.FieldValidationStrict)
	seen := sets.New[string]()
	for _, e := range effects {
		all := rendered(g, "access", e.set)
		for _, event := range []release.HookEvent{release.HookTest, release.HookPreDelete} {
			maps.Copy(all, hooks(g, event, "access", e.set))
		}
		for name, object := range all {
			text, err := object.MarshalJSON()
			g.Expect(err).NotTo(HaveOccurred())
			// The Prometheus operator's kinds are not installed here.
			if object.GroupVersionKind().Group == "monitoring.coreos.com" || seen.Has(string(text)) {
				continue
			}
			seen.Insert(string(text))
			g.Expect(strict.Create(ctx, object, client.DryRunAll)).To(Succeed(), "%s, with %s", name, e.name)
		}
	}
	misspelt := rendered(g, "access", "extraContainers: [{name: beside, image: other, imagePullpolicy: Always}]")["apps/v1 Deployment access/bailiwick"]
	g.Expect(strict.Create(ctx, misspelt, client.DryRunAll)).To(MatchError(ContainSubstring("imagePullpolicy")))
}

func TestAnOlderKubernetesIsRefused(t *testing.T) {
	g := NewWithT(t)
	in := action.NewInstall(action.NewConfiguration())
	in.DryRunStrategy, in.ReleaseName, in.Namespace = action.DryRunClient, releaseName, usual
	for version, refused := range map[string]bool{"v1.32.9": true, "v1.33.0": false, "v1.34.2-vendor.1": false} {
		var err error
		in.KubeVersion, err = common.ParseKubeVersion(version)
		g.Expect(err).NotTo(HaveOccurred())
		_, err = in.Run(load(g), nil)
		if refused {
			g.Expect(err).To(MatchError(ContainSubstring("chart requires kubeVersion: >=1.33.0-0")), version)
		} else {
			g.Expect(err).NotTo(HaveOccurred(), version)
		}
	}
}

func TestAWrongValueIsRefusedWithAMessage(t *testing.T) {
	for _, wrong := range []struct{ name, set, message string }{
		{"a value that there is not", `replicaCount: 3`, `additional properties 'replicaCount' not allowed`},
		{"one deeper down", `store: {external: {addresses: "a:1"}}`, `additional properties 'addresses' not allowed`},
		{"a store that there is not", `store: {type: postgres}`, `at '/store/type': value must be one of 'embedded', 'external'`},
		{"replicas as text", external + "    replicas: two\n", `at '/store/external/replicas': got string, want integer`},
		{"no replica", external + "    replicas: 0\n", `at '/store/external/replicas': minimum: got 0, want 1`},
		{"an address without a port", `store: {type: external, external: {address: openfga}}`, `at '/store/external/address'`},
		{"an address with a scheme", `store: {type: external, external: {address: "https://openfga:8081"}}`, `at '/store/external/address'`},
		{"root", `podSecurityContext: {runAsUser: 0}`, `at '/podSecurityContext/runAsUser': minimum: got 0, want 1`},
		{"root, let in", `podSecurityContext: {runAsNonRoot: false}`, `at '/podSecurityContext/runAsNonRoot'`},
		{"a claim and no volume", `store: {embedded: {persistent: false, existingClaim: mine}}`, `a claim needs store.embedded.persistent`},
		{"a token for no sink", `events: {tokenSecret: sink}`, `say where events are posted`},
		{"a token in the clear", `events: {sinkURL: "http://events.example", tokenSecret: sink}`, `write https in events.sinkURL`},
		{"a sink that is no URL", `events: {sinkURL: events.example}`, `at '/events/sinkURL'`},
		{"a sink with a password", `events: {sinkURL: "https://me:word@events.example"}`, `at '/events/sinkURL'`},
		{"a port that is in use", `webhook: {port: 8084}`, `choose another one`},
		{"half a digest", `image: {digest: "sha256:abc"}`, `at '/image/digest'`},
		{"a digest instead of a tag", `image: {tag: "sha256:` + digest + `"}`, `at '/image/tag'`},
		{"a tag with the repository's name", `image: {repository: "Bailiwick"}`, `at '/image/repository'`},
		{"nothing where something must be", `image: {tag: null}`, `at '/image': missing property 'tag'`},
		{"a tag in the repository", `image: {repository: "registry.example/bailiwick:v1"}`, `at '/image/repository'`},
		{"a size that is none", `store: {embedded: {size: big}}`, `at '/store/embedded/size'`},
		{"a Secret that can't be", `decisions: {keysSecret: "My Keys"}`, `at '/decisions/keysSecret'`},
		{"decisions in the clear", `decisions: {publicURL: "http://ask.example"}`, `at '/decisions/publicURL'`},
		{"a word for a switch", `networkPolicy: {enabled: "yes"}`, `at '/networkPolicy/enabled': got string, want boolean`},
		{"a policy that lets nothing out", `networkPolicy: {egressPorts: []}`, `at '/networkPolicy/egressPorts': minItems: got 0, want 1`},
		{"a label for Prometheus that is no text", `monitoring: {labels: {release: 1}}`, `at '/monitoring/labels/release': got number, want string`},
		{"no flag", `extraArgs: [debug]`, `at '/extraArgs/0'`},
		{"a spread by another word", `topologySpread: {kubernetes.io/hostname: Always}`, `at '/topologySpread/kubernetes.io~1hostname'`},
		{"a label that is no text", `podLabels: {a: 1}`, `at '/podLabels/a': got number, want string`},
		{"resources of another sort", `resources: {limit: {cpu: 1}}`, `additional properties 'limit' not allowed`},
		{"a toleration misspelt", `tolerations: [{keys: a}]`, `additional properties 'keys' not allowed`},
		{"affinity misspelt", `affinity: {podAffinities: {}}`, `additional properties 'podAffinities' not allowed`},

		{"an external store without its address", `store: {type: external}`, `store.external.address: name the OpenFGA server's gRPC API`},
		{"an address and the embedded store", `store: {external: {address: "a:1"}}`, `set store.type to external, or leave the address out`},
		{"a key in the clear", external + "    tls: {enabled: false}\n", `store.external.keySecret: a key needs store.external.tls.enabled`},
		{"certificates for nothing", external + "    keySecret: \"\"\n    tls: {enabled: false, caSecret: authority}\n", `store.external.tls.caSecret: there are no certificates without`},
		{"a label that is the chart's", `commonLabels: {app.kubernetes.io/name: other}`, `commonLabels: the chart sets app.kubernetes.io/name itself`},
		{"a way to nothing", `decisions: {enabled: false, ingress: {enabled: true, host: ask.example}}`, `there is nothing to reach without decisions.enabled`},
		{"a way without a name", `decisions: {enabled: true, ingress: {enabled: true}}`, `decisions.ingress.host: name the host`},
		{"OpenFGA's API in the clear", `store: {embedded: {api: {enabled: true}}}`, `name a Secret with a certificate in decisions.tlsSecret`},
		{"OpenFGA's API for everybody", `{decisions: {tlsSecret: served}, store: {embedded: {api: {enabled: true, keysSecret: ""}}}}`, `store.embedded.api.keysSecret: without keys everybody`},
		{"the API of another store", external + "  embedded: {api: {enabled: true}}\n", `an external store has an API of its own`},
		{"a way to no API", `store: {embedded: {api: {ingress: {enabled: true, host: openfga.example}}}}`, `there is nothing to reach without store.embedded.api.enabled`},
		{"a way to the API without a name", `{decisions: {tlsSecret: served}, store: {embedded: {api: {enabled: true, ingress: {enabled: true}}}}}`, `store.embedded.api.ingress.host: name the host`},
		{"another update of the embedded store", `strategy: {type: RollingUpdate}`, `strategy: the embedded store is a file that one Pod opens`},
		{"an update by another word", external + "strategy: {type: Rolling}\n", `at '/strategy/type'`},
		{"a time that the API server refuses", `webhook: {timeoutSeconds: 31}`, `at '/webhook/timeoutSeconds': maximum: got 31, want 30`},
		{"another name for the Pods", `podLabels: {app.kubernetes.io/name: other}`, `podLabels: app.kubernetes.io/name is what the Services`},
		{"another part for the Pods", `podLabels: {app.kubernetes.io/part-of: other}`, `podLabels: app.kubernetes.io/part-of is what the Services`},
		{"replicas that answer nothing", `decisions: {enabled: false, tlsSecret: served, replicas: {enabled: true}}`, `there is nothing to answer without decisions.enabled`},
		{"more replicas than there may be", `decisions: {replicas: {min: 11}}`, `decisions.replicas.min: it is more than decisions.replicas.max`},
	} {
		t.Run(wrong.name, func(t *testing.T) {
			g := NewWithT(t)
			_, err := render(g, load(g), usual, wrong.set)
			g.Expect(err).To(MatchError(ContainSubstring(wrong.message)))
		})
	}
}
