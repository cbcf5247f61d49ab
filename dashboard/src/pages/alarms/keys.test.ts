import { describe, expect, it } from 'vitest'
import { actionOf, moved, type KeyAction, type Press } from './keys'

const press = (key: string, changes: Partial<Press> = {}): Press => ({
  key,
  ctrlKey: false,
  metaKey: false,
  altKey: false,
  shiftKey: false,
  repeat: false,
  ...changes,
})

describe('actionOf', () => {
  it.each<[string, Press, boolean, KeyAction | null]>([
    ['j', press('j'), false, 'next'],
    ['J with capitals locked', press('J'), false, 'next'],
    ['arrow', press('ArrowUp'), false, 'previous'],
    ['a', press('a'), false, 'acknowledge'],
    ['s', press('s'), false, 'shelve'],
    ['R with capitals locked', press('R'), false, 'reset'],
    ['a while typing', press('a'), true, null],
    ['escape while typing', press('Escape'), true, 'escape'],
    ['the browser’s own Ctrl+A', press('a', { ctrlKey: true }), false, null],
    ['a held down', press('a', { repeat: true }), false, null],
    ['j held down', press('j', { repeat: true }), false, 'next'],
    ['space', press(' '), false, 'pick'],
    ['space while typing', press(' '), true, null],
    ['c', press('c'), false, 'openCase'],
    ['the browser’s own Ctrl+C', press('c', { ctrlKey: true }), false, null],
    ['shift and j', press('J', { shiftKey: true }), false, 'pickNext'],
    ['shift and arrow, held down', press('ArrowUp', { shiftKey: true, repeat: true }), false, 'pickPrevious'],
    ['question mark, which needs shift', press('?', { shiftKey: true }), false, 'help'],
    ['a key without meaning', press('y'), false, null],
  ])('%s', (_, pressed, isTyping, expected) => {
    expect(actionOf(pressed, isTyping)).toBe(expected)
  })
})

describe('moved', () => {
  it.each<[string, number[], number | null, 1 | -1, number | null]>([
    ['in an empty list', [], null, 1, null],
    ['without a choice', [7, 8, 9], null, 1, 7],
    ['down', [7, 8, 9], 7, 1, 8],
    ['past the end', [7, 8, 9], 9, 1, 9],
    ['past the start', [7, 8, 9], 7, -1, 7],
    ['when the chosen one has left the list', [7, 8], 5, -1, 7],
  ])('%s', (_, ids, chosen, step, expected) => {
    expect(moved(ids, chosen, step)).toBe(expected)
  })
})
