/** The movable ground under the township board: Leaflet with degrees and a graticule, and no tiles at all. */
import L from 'leaflet'
import 'leaflet/dist/leaflet.css'
import { onMounted, onScopeDispose, shallowRef, watch, type Ref } from 'vue'
import type { Township } from '@/api/types'
import { remPx } from '@/state/screen'

/** Lines every tenth of a degree: 11 km north to south. */
const graticuleStepDeg = 0.1

export interface Board {
  readonly width: number
  readonly height: number
  /** Where a place lies on the board now, in pixels. */
  readonly locate: (township: Township) => { x: number; y: number }
}

export interface BoardMap {
  /** null until the element is on the page; a new value after every move. */
  board: Ref<Board | null>
  reset: () => void
}

export function useBoardMap(
  element: Ref<HTMLElement | null>,
  townships: () => readonly Township[],
): BoardMap {
  const board = shallowRef<Board | null>(null)
  let map: L.Map | null = null
  let isUntouched = true

  function reset(): void {
    const places = townships().map(({ latitude_deg, longitude_deg }) => L.latLng(latitude_deg, longitude_deg))
    if (!map || places.length === 0) return
    map.fitBounds(L.latLngBounds(places).pad(0.06), { animate: false, maxZoom: 12 })
    isUntouched = true
    renew()
  }

  function renew(): void {
    const ground = map
    if (!ground) return
    const { x: width, y: height } = ground.getSize()
    board.value = {
      width,
      height,
      locate: ({ latitude_deg, longitude_deg }) =>
        ground.latLngToContainerPoint([latitude_deg, longitude_deg]),
    }
  }

  onMounted(() => {
    if (!element.value) return
    map = L.map(element.value, {
      attributionControl: false,
      zoomControl: false,
      zoomAnimation: false,
      zoomSnap: 0.1,
      wheelPxPerZoomLevel: 140,
      minZoom: 8,
      maxZoom: 14,
      center: [29.35, 107.65],
      zoom: 10,
    })
    L.control.scale({ imperial: false, position: 'bottomleft', maxWidth: 7 * remPx.value }).addTo(map)
    drawGraticule(map)
    map.on('move zoom', renew)
    map.on('dragstart zoomstart', (event) => {
      if (event.type === 'dragstart') isUntouched = false
    })
    element.value.addEventListener('wheel', () => (isUntouched = false), { passive: true })
    reset()
  })

  const resized = new ResizeObserver(() => {
    map?.invalidateSize({ animate: false })
    if (isUntouched) reset()
    else renew()
  })
  watch(element, (now) => {
    resized.disconnect()
    if (now) resized.observe(now)
  })
  watch(townships, reset)
  onScopeDispose(() => {
    resized.disconnect()
    map?.remove()
    map = null
  })
  return { board, reset }
}

function drawGraticule(map: L.Map): void {
  const style: L.PolylineOptions = { color: '#8fb6d6', weight: 1, opacity: 0.1, interactive: false }
  const label = (at: L.LatLngExpression, words: string) =>
    L.marker(at, {
      interactive: false,
      keyboard: false,
      icon: L.divIcon({
        className: 'graticule-label',
        html: words,
        iconSize: [60, 14],
        iconAnchor: [-3, 14],
      }),
    }).addTo(map)
  for (let step = 0; step <= 12; step += 1) {
    const longitude = 107 + step * graticuleStepDeg
    L.polyline(
      [
        [28.5, longitude],
        [30.2, longitude],
      ],
      style,
    ).addTo(map)
    label([29, longitude], `${longitude.toFixed(1)}° E`)
  }
  for (let step = 0; step <= 8; step += 1) {
    const latitude = 28.9 + step * graticuleStepDeg
    L.polyline(
      [
        [latitude, 106.5],
        [latitude, 108.7],
      ],
      style,
    ).addTo(map)
    label([latitude, 107.2], `${latitude.toFixed(1)}° N`)
  }
}
