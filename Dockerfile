# SPDX-License-Identifier: Apache-2.0
#
# The image holds the three static binaries and nothing else. Run it once per node with the
# runtime's plugin directory mounted; it installs the CNI plugin there and exits:
#
#   docker run --rm -v /opt/cni/bin:/host/opt/cni/bin bulkhead
#
# It runs the agent as well, in the node's network and with the node's directories:
#
#   docker run -d --restart always --network host --cap-drop all --cap-add NET_ADMIN \
#     --cap-add LEASE -v /run/bulkhead:/run/bulkhead -v /etc/bulkhead:/etc/bulkhead:ro \
#     bulkhead agent

FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN mkdir -p /out
RUN CGO_ENABLED=0 go build -trimpath -ldflags="-s -w" -o /out/bulkhead ./cmd/bulkhead
RUN CGO_ENABLED=0 go build -trimpath -ldflags="-s -w" -o /out/bulkheadd ./cmd/bulkheadd
RUN CGO_ENABLED=0 go build -trimpath -ldflags="-s -w" -o /out/bulkheadctl ./cmd/bulkheadctl

FROM scratch
COPY --from=build /out/ /usr/local/bin/
ENTRYPOINT ["/usr/local/bin/bulkheadd"]
CMD ["install", "--bin-dir", "/host/opt/cni/bin"]
