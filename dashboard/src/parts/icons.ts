/** Line drawings on a 24 × 24 field, drawn with the colour of the text around them. */
export const icons = {
  overview: 'M4 5h7v6H4zM13 5h7v9h-7zM4 13h7v6H4zM13 16h7v3h-7z',
  alarms: 'M6 17V11a6 6 0 0 1 12 0v6l2 2H4zM10 21h4M12 3v2',
  devices: 'M12 3v5M6 21v-5h12v5M12 8v8M4 21h4M16 21h4M10 21h4M9 3h6v5H9z',
  cameras: 'M3 7h12v10H3zM15 11l6-3v8l-6-3z',
  registry: 'M5 3h11l3 3v15H5zM9 9h6M9 13h6M9 17h4',
  users:
    'M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM2.5 20a6.5 6.5 0 0 1 13 0M16 4.5a3.5 3.5 0 0 1 0 6.5M18 14.5a6 6 0 0 1 3.5 5.5',
  audit: 'M5 3h10l4 4v14H5zM15 3v4h4M8.500 13.500l2.500 2.500 4.500-5',
  ledger: 'M4 4h16v16H4zM4 9h16M4 14h16M10 4v16',
  storage: 'M4 6c0-4 16-4 16 0v12c0 4-16 4-16 0zM4 6c0 4 16 4 16 0M4 12c0 4 16 4 16 0',
  account: 'M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4.5 21a7.5 7.5 0 0 1 15 0',
  soundOn: 'M4 9v6h4l5 4V5L8 9zM16 9a4 4 0 0 1 0 6M18.5 6.5a8 8 0 0 1 0 11',
  soundOff: 'M4 9v6h4l5 4V5L8 9zM16 9.5l5 5M21 9.5l-5 5',
  search: 'M10.5 17a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13zM15.5 15.5 21 21',
  check: 'M4 12.5 9.5 18 20 6.5',
  note: 'M4 5h16v11H9l-5 4zM8 9h8M8 12h5',
  close: 'M5 5l14 14M19 5 5 19',
  back: 'M14 5l-7 7 7 7',
  forward: 'M10 5l7 7-7 7',
  down: 'M5 9l7 7 7-7',
  refresh: 'M20 12a8 8 0 1 1-2.4-5.7M20 3v4.5h-4.5',
  fullscreen: 'M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5',
  keyboard: 'M3 6h18v12H3zM7 10h.01M11 10h.01M15 10h.01M8 14h8',
  clock: 'M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM12 7v5l3.5 2',
  kitchen: 'M6 3v7a2.5 2.5 0 0 0 5 0V3M8.500 3v18M17 21v-8c-2 0-3-2-3-5 0-3 1.500-5 3-5z',
  elevator: 'M5 3h14v18H5zM12 3v18M8 10l1-2 1 2M14 14l1 2 1-2',
  boiler: 'M6 8a6 3 0 0 1 12 0v12H6zM6 8v12M12 18c-2 0-3-1.300-3-3 0-2 3-2.500 3-5 2 1.500 3 3 3 5s-1 3-3 3z',
  gas: 'M9 6h6l2 3v12H7V9zM10 3h4v3h-4zM10 14h4',
  ride: 'M3 9h10a3 3 0 1 0-3-3M3 13h15a3 3 0 1 1-3 3M3 17h7',
  vessel:
    'M8 4h8a4 4 0 0 1 4 4v8a4 4 0 0 1-4 4H8a4 4 0 0 1-4-4V8a4 4 0 0 1 4-4zM12 4V2M9 12a3 3 0 1 0 6 0 3 3 0 0 0-6 0M12 12l1.500-1.500',
  crane: 'M7 21V4M4 21h6M7 5h13M7 4 3 8M15 5v7M15 12a2 2 0 1 1-2 2M7 9l4-4',
  edge: 'M5 6h14v5H5zM5 13h14v5H5zM8 8.500h.01M8 15.500h.01M12 8.500h4M12 15.500h4',
  warning: 'M12 4 2.500 20h19zM12 10v4.500M12 17.500h.01',
  phone: 'M6 3h4l2 5-2.500 1.500a11 11 0 0 0 5 5L16 12l5 2v4a2 2 0 0 1-2 2A16 16 0 0 1 4 5a2 2 0 0 1 2-2z',
  signOut: 'M14 4H5v16h9M10 12h11M17.500 8.500 21 12l-3.500 3.500',
  language:
    'M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM3 12h18M12 3c5 5.500 5 12.500 0 18M12 3c-5 5.500-5 12.500 0 18',
  still: 'M4 7h4l1.500-2h5L16 7h4v12H4zM12 16.500a3.500 3.500 0 1 0 0-7 3.500 3.500 0 0 0 0 7z',
} as const

export type IconName = keyof typeof icons
