package kumatest

import "time"

// This file is how a test lets a proxy behave.

// manners are how a proxy behaves. The zero value takes what it is sent at once.
type manners struct {
	rejects    bool
	rejections int // how many responses it still refuses
	hangs      bool
	late       time.Duration // until it answers
	churn      int           // counts the calls of ReconnectEvery: only the last holds
}

// Reject makes the proxy refuse all secrets that it is sent, or take them again. A refused response comes again every 5 s.
func (p *Proxy) Reject(yes bool) {
	defer p.enter()()
	p.rejects, p.rejections = yes, 0
}

// RejectNext makes the proxy refuse the next n responses with secrets, and then take what it is sent.
func (p *Proxy) RejectNext(n int) {
	defer p.enter()()
	p.rejections = n
}

// refuses reports whether the proxy refuses the response that it answers.
func (p *Proxy) refuses() bool {
	if p.rejections > 0 {
		p.rejections--
		return true
	}
	return p.rejects
}

// Hang makes the proxy stop reading what it is sent, its connection open, or go on.
func (p *Proxy) Hang(yes bool) {
	defer p.enter()()
	p.hangs = yes
	if !yes && p.outstanding != nil {
		p.within(sendLeast, sendMost, p.answer)
	}
}

// AnswerAfter makes the proxy take what it is sent, and acknowledge it, that much later. 0 is at once again.
func (p *Proxy) AnswerAfter(late time.Duration) {
	defer p.enter()()
	p.late = late
}

// ReconnectEvery makes the proxy reconnect again and again, the first time in d. 0 ends that, and so does Stop.
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

// Away disconnects the proxy and lets it connect again after d. It goes on serving with what it has.
func (p *Proxy) Away(d time.Duration) {
	defer p.enter()()
	p.disconnect()
	p.comeBack(d)
}

// Stop ends the proxy: it disconnects, has nothing any more and takes part in nothing. Its Dataplane stays. Reconnect
// starts it anew.
func (p *Proxy) Stop() {
	defer p.enter()()
	p.churn++
	p.disconnect()
	p.held = nil
}
