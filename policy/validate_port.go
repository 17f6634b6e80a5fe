// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"

	"k8s.io/apimachinery/pkg/util/validation"
)

const maxPort = 65535

// everyPort is every port of a protocol, and every type of an ICMP.
func everyPort(protocol uint8) Port {
	return Port{Protocol: protocol, First: 0, Last: maxPort}
}

var protocolNumbers = map[string]uint8{
	"TCP": ProtocolTCP, "UDP": ProtocolUDP, "SCTP": ProtocolSCTP,
}

// protocol reads TCP, UDP or SCTP; an absent protocol is TCP, as the API server defaults it.
func (o object) protocol() (uint8, bool) {
	v, ok := o.field("protocol")
	if !ok {
		return ProtocolTCP, true
	}
	word, ok := enum(v, "TCP", "UDP", "SCTP")
	return protocolNumbers[word], ok
}

func (v value) portNumber() (uint16, bool) {
	i, ok := v.integer(1, maxPort)
	return uint16(i), ok
}

// portName reads the name of a container port.
func (v value) portName() (string, bool) {
	s, ok := v.text("the name of a container port")
	if !ok {
		return "", false
	}
	if faults := validation.IsValidPortName(s); len(faults) > 0 {
		hint := ""
		if decimal.MatchString(s) {
			hint = "; a number is written without quotes"
		}
		v.wrong("the name of a container port: " + brief(faults[0]) + hint)
		return "", false
	}
	return s, true
}

// portRange reads the start and end of o; single says that both may be the same port.
func (o object) portRange(single bool) (first, last uint16, ok bool) {
	accepted := fmt.Sprintf("a number from 1 to %d", maxPort)
	start, ok1 := o.required("start", accepted)
	end, ok2 := o.required("end", accepted)
	if !ok1 || !ok2 {
		return 0, 0, false
	}
	first, ok1 = start.portNumber()
	last, ok2 = end.portNumber()
	if !ok1 || !ok2 {
		return 0, 0, false
	}
	if last < first || last == first && !single {
		end.wrong(fmt.Sprintf("a number above start (%d)", first))
		return 0, 0, false
	}
	return first, last, true
}
