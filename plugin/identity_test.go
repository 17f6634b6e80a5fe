// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/bulkhead-net/bulkhead/policy"
)

func TestIdentity(t *testing.T) {
	tcp := func(name string, port uint16) policy.NamedPort {
		return policy.NamedPort{Name: name, Protocol: policy.ProtocolTCP, Port: port}
	}
	for _, tc := range []struct {
		name, args string
		conf       conf
		want       policy.Endpoint
	}{
		{"nothing said", "", conf{}, policy.Endpoint{Namespace: "default", Name: "c1"}},
		{"Kubernetes", "IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web-0;" +
			"K8S_POD_INFRA_CONTAINER_ID=abc;K8S_POD_UID=1-2;SOMETHING=else", conf{},
			policy.Endpoint{Namespace: "shop", Name: "web-0"}},
		{"Kubernetes' keys are known", "K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web-0;K8S_POD_UID=x",
			conf{}, policy.Endpoint{Namespace: "shop", Name: "web-0"}},
		{"own words", "BULKHEAD_NAMESPACE=dev;BULKHEAD_NAME=My_db.1;" +
			"BULKHEAD_LABELS=app:db,example.com/x:",
			conf{}, policy.Endpoint{Namespace: "dev", Name: "My_db.1",
				Labels: map[string]string{"app": "db", "example.com/x": ""}}},
		{"both agree", "K8S_POD_NAMESPACE=shop;BULKHEAD_NAMESPACE=shop", conf{},
			policy.Endpoint{Namespace: "shop", Name: "c1"}},
		{"empty is unsaid", "K8S_POD_NAME=;BULKHEAD_NAME=db;BULKHEAD_LABELS=", conf{},
			policy.Endpoint{Namespace: "default", Name: "db"}},
		{"labels of every source", "BULKHEAD_LABELS=c:3,a:1",
			conf{labels: map[string]string{"a": "1"}, argsLabels: map[string]string{"b": "2"}},
			policy.Endpoint{Namespace: "default", Name: "c1",
				Labels: map[string]string{"a": "1", "b": "2", "c": "3"}}},
		{"ports of every source",
			"BULKHEAD_LABELS=bulkhead.dev/ports:rpc:9000 dns:53/udp",
			conf{ports: []policy.NamedPort{tcp("web", 80)},
				labels:     map[string]string{portsLabel: "web=80/tcp,alt=81"},
				argsLabels: map[string]string{portsLabel: "sig=5060/SCTP"}},
			policy.Endpoint{Namespace: "default", Name: "c1", Ports: []policy.NamedPort{
				tcp("web", 80), tcp("alt", 81), {Name: "sig", Protocol: policy.ProtocolSCTP, Port: 5060},
				tcp("rpc", 9000), {Name: "dns", Protocol: policy.ProtocolUDP, Port: 53}}}},
	} {
		e := environment{containerID: "c1", ifname: "eth0", args: tc.args}
		tc.conf.network = "net1"
		got, err := identify(e, &tc.conf)
		tc.want.ID, tc.want.Interface, tc.want.Network = "c1/eth0", "eth0", "net1"
		if tc.want.Labels == nil {
			tc.want.Labels = map[string]string{}
		}
		if err != nil || !reflect.DeepEqual(got, tc.want) {
			t.Errorf("%s:\n got %+v, %v\nwant %+v", tc.name, got, err, tc.want)
		}
	}
}

func TestIdentityFaults(t *testing.T) {
	for _, tc := range []struct {
		args  string
		conf  conf
		code  Code
		words string
	}{
		{"X", conf{}, InvalidEnvironment, "CNI_ARGS|X"},
		{"=X", conf{}, InvalidEnvironment, "CNI_ARGS"},
		{"IgnoreUnknown=1;", conf{}, InvalidEnvironment, "CNI_ARGS"},
		{"IP=10.0.0.1", conf{}, InvalidEnvironment, "CNI_ARGS|IP|IgnoreUnknown"},
		{"IP=10.0.0.1;IgnoreUnknown=0", conf{}, InvalidEnvironment, "IP"},
		{"IgnoreUnknown=maybe", conf{}, InvalidEnvironment, "IgnoreUnknown|maybe"},
		{"IgnoreUnknown=1;BULKHEAD_LABEL=a:b", conf{}, InvalidEnvironment, "BULKHEAD_LABEL"},
		{"BULKHEAD_NAME=a;BULKHEAD_NAME=b", conf{}, InvalidEnvironment, "BULKHEAD_NAME|twice"},
		{"BULKHEAD_NAMESPACE=Shop", conf{}, InvalidEnvironment, "namespace|Shop"},
		{"K8S_POD_NAMESPACE=a/b", conf{}, InvalidEnvironment, "namespace|a/b"},
		{"BULKHEAD_NAME=a/b", conf{}, InvalidEnvironment, "name|a/b"},
		{"BULKHEAD_NAME=" + strings.Repeat("a", 257), conf{}, InvalidEnvironment, "name"},
		{"K8S_POD_NAMESPACE=shop;BULKHEAD_NAMESPACE=bank", conf{}, InvalidEnvironment, "shop|bank"},
		{"K8S_POD_NAME=a;BULKHEAD_NAME=b", conf{}, InvalidEnvironment, "K8S_POD_NAME|BULKHEAD_NAME"},
		{"BULKHEAD_LABELS=a", conf{}, InvalidEnvironment, "BULKHEAD_LABELS|key:value"},
		{"BULKHEAD_LABELS=a:1,", conf{}, InvalidEnvironment, "BULKHEAD_LABELS"},
		{"BULKHEAD_LABELS=a:1,a:1", conf{}, InvalidEnvironment, "twice"},
		{"BULKHEAD_LABELS=a:b:c", conf{}, InvalidEnvironment, "b:c"},
		{"BULKHEAD_LABELS=kubernetes.io/metadata.name:kube-system", conf{}, InvalidEnvironment,
			"reserved"},
		{"BULKHEAD_LABELS=bulkhead.dev/identity:host", conf{}, InvalidEnvironment, "reserved"},
		{"BULKHEAD_LABELS=bulkhead.dev/ports:x", conf{}, InvalidEnvironment, "NAME=PORT"},
		{strings.Repeat("A=1;", 20000), conf{}, InvalidEnvironment, "longer"},
		{"BULKHEAD_LABELS=zone:prod", conf{labels: map[string]string{"zone": "guest"}},
			InvalidConf, "zone|guest|prod|BULKHEAD_LABELS"},
		{"", conf{labels: map[string]string{"zone": "guest"},
			argsLabels: map[string]string{"zone": "prod"}}, InvalidConf, "args.cni.labels"},
		{"BULKHEAD_LABELS=bulkhead.dev/ports:web:81",
			conf{ports: []policy.NamedPort{{Name: "web", Protocol: policy.ProtocolTCP, Port: 80}}},
			InvalidConf, "web|80|81"},
	} {
		_, err := identify(environment{containerID: "c1", ifname: "eth0", args: tc.args}, &tc.conf)
		var known *Error
		if !errors.As(err, &known) || known.Code != tc.code {
			t.Errorf("%.80s: got %v, want code %d", tc.args, err, tc.code)
			continue
		}
		for w := range strings.SplitSeq(tc.words, "|") {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%.80s: got %v, want %q in it", tc.args, err, w)
			}
		}
	}
}

func TestPortsLabel(t *testing.T) {
	for _, s := range []string{"", " ", "http", "http=", "http=x", "http=0", "http=-1", "http=+80",
		"http=65536", "http=80/icmp", "=80", "HTTP=80", "http=80,http=81", "a--b=1", "http=80/tcp/x"} {
		if got, err := parsePorts(s); err == nil {
			t.Errorf("%q: got %v, want an error", s, got)
		}
	}
	got, err := parsePorts("a=1/tcp, a=1 b:2/udp,a=3/SCTP")
	want := []policy.NamedPort{{Name: "a", Protocol: 6, Port: 1}, {Name: "b", Protocol: 17, Port: 2},
		{Name: "a", Protocol: 132, Port: 3}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("ports: got %v, %v, want %v", got, err, want)
	}
}

func FuzzArgs(f *testing.F) {
	f.Add("IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web-0;X=1")
	f.Add("BULKHEAD_LABELS=a:b,bulkhead.dev/ports:http:80/tcp web:81;BULKHEAD_NAME=x")
	f.Fuzz(func(t *testing.T, args string) {
		got, err := identify(environment{containerID: "c1", ifname: "eth0", args: args}, &conf{})
		if err != nil {
			return
		}
		if got.Namespace == "" || got.Name == "" {
			t.Errorf("got endpoint %+v without a name", got)
		}
		for key := range got.Labels {
			if key == policy.NamespaceNameLabel || strings.HasPrefix(key, "bulkhead.dev/") {
				t.Errorf("got reserved label %q", key)
			}
		}
	})
}
