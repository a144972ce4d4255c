package kumatest

import "time"

// This file has the methods with which a test controls the behavior of a proxy.

// manners are the behavior of a proxy. With the zero value, it accepts all responses at once.
type manners struct {
	rejects    bool
	rejections int // number of responses that it still rejects
	hangs      bool
	late       time.Duration // delay of its answers
	churn      int           // counts the calls of ReconnectEvery: only the last one has an effect
}

// Reject makes the proxy reject all secrets, or accept them again. A rejected response is sent again every 5 s.
func (p *Proxy) Reject(yes bool) {
	defer p.enter()()
	p.rejects, p.rejections = yes, 0
}

// RejectNext makes the proxy reject the next n responses with secrets, and then accept the following ones.
func (p *Proxy) RejectNext(n int) {
	defer p.enter()()
	p.rejections = n
}

// refuses reports whether the proxy rejects the current response.
func (p *Proxy) refuses() bool {
	if p.rejections > 0 {
		p.rejections--
		return true
	}
	return p.rejects
}

// Hang makes the proxy stop reading, with an open connection, or continue.
func (p *Proxy) Hang(yes bool) {
	defer p.enter()()
	p.hangs = yes
	if !yes && p.outstanding != nil {
		p.within(sendLeast, sendMost, p.answer)
	}
}

// AnswerAfter delays the answers of the proxy. 0 means no delay.
func (p *Proxy) AnswerAfter(late time.Duration) {
	defer p.enter()()
	p.late = late
}

// ReconnectEvery makes the proxy reconnect repeatedly, for the first time after d. 0 or Stop ends that.
func (p *Proxy) ReconnectEvery(d time.Duration) {
	defer p.enter()()
	p.churn++
	if d > 0 {
		p.reconnectEvery(d, p.churn)
	}
}

func (p *Proxy) reconnectEvery(d time.Duration, churn int) {
	p.fleet.after(d, nil, func() {
		if p.churn != churn || p.gone {
			return
		}
		p.disconnect()
		p.connect()
		p.reconnectEvery(d, churn)
	})
}

// Away disconnects the proxy, and connects it again after d. It continues to serve traffic with its material.
func (p *Proxy) Away(d time.Duration) {
	defer p.enter()()
	p.disconnect()
	p.comeBack(d)
}

// Stop ends the proxy: it disconnects, loses its material and takes part in nothing. Its Dataplane stays. Reconnect
// starts it again.
func (p *Proxy) Stop() {
	defer p.enter()()
	p.churn++
	p.disconnect()
	p.equipment = equipment{}
}
