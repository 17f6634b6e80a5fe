// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"net"
)

// serve answers what it is sent, on every address of either family. The kernel answers ping.
func serve(s service) error {
	address := fmt.Sprintf(":%d", s.Port)
	switch s.Protocol {
	case tcp:
		l, err := net.Listen("tcp", address)
		if err != nil {
			return err
		}
		go echoStreams(l)
	case udp:
		c, err := net.ListenPacket("udp", address)
		if err != nil {
			return err
		}
		go echoPackets(c)
	}
	return nil
}

func echoStreams(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			io.Copy(c, c)
		}()
	}
}

func echoPackets(c net.PacketConn) {
	buffer := make([]byte, 1500)
	for {
		n, from, err := c.ReadFrom(buffer)
		if err != nil {
			return
		}
		c.WriteTo(buffer[:n], from)
	}
}
